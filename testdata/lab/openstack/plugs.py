"""What takes the place of hardware in Neutron."""

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class Mechanism(api.MechanismDriver):
    """Binds every port on any host at once, as an agent would there."""

    def initialize(self):
        pass

    def bind_port(self, context):
        for segment in context.segments_to_bind:
            context.set_binding(segment[api.ID], portbindings.VIF_TYPE_BRIDGE, {portbindings.CAP_PORT_FILTER: True},
                                constants.PORT_STATUS_ACTIVE)
            return
