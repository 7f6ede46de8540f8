"""What the cloud's own API says of a deployed stack: catalogue, image, placement, volumes, default group. Read only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from socle.engine.answers import cloud_errors, found
from socle.engine.patience import PATIENCE, Patience
from socle.errors import SocleError
from socle.files import write_file
from socle.messages import _
from socle.paths import state_dir
from socle.stack.load import LoadedStack


def refresh(loaded: LoadedStack, *, wanted: bool | None, say: Callable[[str], None]) -> None:
    """Writes `<state>/<stack>/live.json`. `wanted` None: only where a stack was deployed; silence is said.

    An old answer is no evidence for today: it is removed first.
    """
    folder = state_dir() / loaded.name
    file = folder / "live.json"
    file.unlink(missing_ok=True)
    deployed = any((folder / name).exists() for name in ("facts", "verify.json", "known_hosts"))
    if wanted is False or (wanted is None and not deployed):
        return
    try:
        seen = collect(loaded)
    except SocleError as error:
        if wanted:
            raise
        say(_("the cloud was not asked: {reason}").format(reason=error.message))
        return
    write_file(file, json.dumps(seen, indent=1))


def collect(loaded: LoadedStack, patience: Patience = PATIENCE) -> dict[str, Any]:
    """Raises CloudError when the cloud cannot be read."""
    from socle.engine.access import connect

    connection = connect(loaded, patience)
    with cloud_errors():
        return {
            "endpoints": endpoints(connection),
            "verified": bool(connection.config.verify),
            "image": _image(connection, loaded),
            "servers": _servers(connection, loaded.name),
            "volumes": _volumes(connection, loaded.name),
            "default_group": _default_group(connection),
        }


def endpoints(connection: Any) -> list[dict[str, str]]:
    """What the catalogue says to be reached from outside: service, region, url."""
    return [
        {"service": str(entry.get("type")), "region": str(one.get("region")), "url": str(one.get("url"))}
        for entry in connection.session.auth.get_access(connection.session).service_catalog.catalog
        for one in entry.get("endpoints", ())
        if one.get("interface") == "public"
    ]


def _image(connection: Any, loaded: LoadedStack) -> dict[str, Any] | None:
    name = loaded.cloud.images[loaded.release.operating_system].name
    image = found(connection.image.find_image, name)
    if image is None:
        return None
    return {"name": image.name, "visibility": image.visibility, "sha512": image.hash_value}


def _servers(connection: Any, stack: str) -> dict[str, dict[str, Any]]:
    mine = (s for s in connection.compute.servers() if (s.metadata or {}).get("socle_stack") == stack)
    return {server.name: {"host": server.host_id, "status": server.status} for server in mine}


def _volumes(connection: Any, stack: str) -> dict[str, dict[str, Any]]:
    mine = (v for v in connection.block_storage.volumes() if (v.metadata or {}).get("socle_stack") == stack)
    return {volume.name: {"encrypted": bool(volume.is_encrypted), "type": volume.volume_type} for volume in mine}


def _default_group(connection: Any) -> dict[str, Any] | None:
    """The project's group `default`: how many ports it is bound to, and its rules. None where it has none yet."""
    project = connection.current_project_id
    groups = (g for g in connection.network.security_groups(name="default") if g.project_id == project)
    group = next(groups, None)
    if group is None:
        return None
    bound = [p.id for p in connection.network.ports(project_id=project) if group.id in (p.security_group_ids or ())]
    keys = ("direction", "ethertype", "protocol", "remote_ip_prefix", "remote_group_id")
    return {
        "id": group.id,
        "ports": len(bound),
        "rules": [{key: rule.get(key) for key in keys} for rule in group.security_group_rules or ()],
    }
