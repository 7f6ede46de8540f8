"""What the cloud's catalogue offers in the region."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openstack.connection import Connection


def offers(cloud: Connection, service: str) -> bool:
    """Whether the service has a public address there. `service`: a type; names that it had before are known too
    (`volumev3` is `block-storage`). Costs no call: the catalogue came with the token."""
    from keystoneauth1.exceptions import CatalogException

    region = cloud.config.get_region_name(service)
    try:
        return bool(cloud.session.get_endpoint(service_type=service, interface="public", region_name=region))
    except CatalogException:
        return False
