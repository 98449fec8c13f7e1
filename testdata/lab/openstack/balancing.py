"""What takes the place of a load balancer in Octavia."""

import threading
import time

from octavia.api.drivers.noop_driver import driver
from octavia.common import constants
from octavia.db import api, models


class Provider(driver.NoopProviderDriver):
    """Octavia's own noop provider, with somebody who reports that what was
    asked for is done, as a provider's agent does: without, everything would be
    pending for ever."""

    def __init__(self):
        super().__init__()
        threading.Thread(target=self.report, daemon=True).start()

    def report(self):
        while True:
            time.sleep(0.1)
            try:
                self.advance()
            except Exception as e:
                print("octavia's agent:", e, flush=True)

    def advance(self):
        session = api.get_session()
        online = {models.LoadBalancer: constants.ONLINE, models.Listener: constants.ONLINE, models.Pool: constants.ONLINE,
                  models.Member: constants.ONLINE, models.HealthMonitor: constants.ONLINE}
        for model in (models.Member, models.HealthMonitor, models.Pool, models.L7Rule, models.L7Policy, models.Listener, models.LoadBalancer):
            with session.begin():
                for row in session.query(model).filter(model.provisioning_status.like("PENDING_%")).all():
                    if row.provisioning_status != constants.PENDING_DELETE:
                        row.provisioning_status = constants.ACTIVE
                        if model in online:
                            row.operating_status = online[model]
                    elif model is models.LoadBalancer:
                        row.provisioning_status = constants.DELETED
                    else:
                        session.delete(row)
