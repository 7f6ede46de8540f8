"""WSGI entry of Neutron's API; see neutron.py for what it changes."""

from neutron.wsgi.api import application  # noqa: F401

import socle_lab.neutron  # noqa: F401
