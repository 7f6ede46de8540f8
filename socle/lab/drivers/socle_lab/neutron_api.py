"""WSGI entry of Neutron's API; see neutron.py for what it changes."""

import socle_lab.neutron  # noqa: F401
from neutron.wsgi.api import application  # noqa: F401
