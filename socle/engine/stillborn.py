"""Instances that the cloud could not bring up. They never ran, so they carry no call: `up` makes them anew unasked."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from socle.engine import access
from socle.errors import CloudError
from socle.messages import _

if TYPE_CHECKING:
    from openstack.connection import Connection

SAID = 300  # characters of the cloud's own words that are repeated
MET = "instance group policy was violated"  # Nova's words (nova/compute/manager.py): made at once, on one host


def stillborn(cloud: Connection, names: Collection[str]) -> dict[str, str]:
    """Those of these instances that are in error and were never launched: what the cloud says of each, if anything."""
    if not names:
        return {}
    return {
        server.name: str((server.fault or {}).get("message") or "")[:SAID]
        for server in cloud.compute.servers(status="ERROR")
        if server.name in names and not server.launched_at
    }


def met(cloud: Connection, names: Collection[str]) -> list[str]:
    """Those that never ran because members of their server group were put on one host in the same moment.

    Nova chooses a host for each by itself, sees the clash on that host only, and may turn both away."""
    with suppress(CloudError), access.cloud_errors():  # the cloud may be what failed
        return sorted(name for name, reason in stillborn(cloud, names).items() if MET in reason)
    return []


def explained(error: CloudError, cloud: Connection, names: Collection[str]) -> CloudError:
    """The engine's error with the cloud's own reason: the engine says only that an instance did not come up."""
    with suppress(CloudError), access.cloud_errors():  # the cloud may be what failed
        reasons = [
            _("{name} never ran: {reason}").format(name=name, reason=reason)
            for name, reason in sorted(stillborn(cloud, names).items())
            if reason
        ]
        error.hint = "\n".join([error.hint, *reasons]).strip()
    return error
