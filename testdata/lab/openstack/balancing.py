"""What takes the place of a load balancer in Octavia."""

import threading
import time

from octavia.api.drivers.noop_driver import driver
from octavia.common import constants
from octavia.db import api, models

# In the order in which they can be removed; those of an operating status with it.
MODELS = {models.Member: True, models.HealthMonitor: True, models.Pool: True, models.L7Rule: False, models.L7Policy: False, models.Listener: True, models.LoadBalancer: True}

asked = threading.Event()  # something may be pending


class Provider(driver.NoopProviderDriver):
    """Octavia's own noop provider, with somebody who reports that what was
    asked for is done, as a provider's agent does: without, everything would be
    pending for ever."""

    def __init__(self):
        super().__init__()
        threading.Thread(target=report, daemon=True).start()


def report():
    while asked.wait():
        asked.clear()
        time.sleep(0.1)
        try:
            if advance() > 0:
                asked.set()
        except Exception as e:
            print("octavia's agent:", e, flush=True)


def advance():
    """Does what is pending, and says how much that was."""
    session, done = api.get_session(), 0
    for model, operates in MODELS.items():
        with session.begin():
            for row in session.query(model).filter(model.provisioning_status.like("PENDING_%")).all():
                done += 1
                if row.provisioning_status != constants.PENDING_DELETE:
                    row.provisioning_status = constants.ACTIVE
                    if operates:
                        row.operating_status = constants.ONLINE
                elif model is models.LoadBalancer:
                    row.provisioning_status = constants.DELETED
                else:
                    session.delete(row)
    return done
