"""Neutron's maintenance process, with every port bound on the machine's one OVN chassis.

Neutron looks for a chassis named as the Nova host. Where the two differ (SmartNICs) `determine_bind_host` translates;
here it always answers the one chassis, whichever of the Nova hosts asks.
"""

import os

from neutron.common.ovn import utils

CHASSIS = os.environ["SOCLE_CHASSIS"]
_host_of = utils.determine_bind_host


def _one_chassis(*arguments, **options):
    return _host_of(*arguments, **options) and CHASSIS


utils.determine_bind_host = _one_chassis


if __name__ == "__main__":
    from neutron.cmd.server import main_ovn_maintenance

    main_ovn_maintenance()
