"""Credentials of the cloud: from clouds.yaml to openstacksdk and to the engine's environment, nowhere else."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from socle.engine.answers import cloud_errors, unreachable
from socle.engine.patience import PATIENCE, Patience
from socle.errors import CloudError
from socle.messages import _
from socle.stack.load import LoadedStack

if TYPE_CHECKING:
    from openstack.connection import Connection

__all__ = ["cloud_errors", "connect", "environment"]

# What clouds.yaml calls it -> what the OpenStack plugin reads. The address, project and region are the program's.
_VARIABLES = {
    "username": "OS_USERNAME",
    "user_id": "OS_USER_ID",
    "password": "OS_PASSWORD",
    "user_domain_name": "OS_USER_DOMAIN_NAME",
    "user_domain_id": "OS_USER_DOMAIN_ID",
    "project_domain_name": "OS_PROJECT_DOMAIN_NAME",
    "project_domain_id": "OS_PROJECT_DOMAIN_ID",
    "application_credential_id": "OS_APPLICATION_CREDENTIAL_ID",
    "application_credential_name": "OS_APPLICATION_CREDENTIAL_NAME",
    "application_credential_secret": "OS_APPLICATION_CREDENTIAL_SECRET",
}
# What else the plugin would take from the caller's environment: a stray password wins over an application credential, a
# project's number over its name.
_NOT_THE_CALLERS = (
    "OS_TOKEN", "OS_AUTH_TOKEN", "OS_TENANT_ID", "OS_PROJECT_ID", "OS_TENANT_NAME", "OS_PROJECT_NAME",
    "OS_DOMAIN_ID", "OS_DOMAIN_NAME", "OS_DEFAULT_DOMAIN", "OS_SYSTEM_SCOPE", "OS_CERT", "OS_KEY",
)  # fmt: skip


def _region(loaded: LoadedStack) -> Any:
    """The cloud's entry of clouds.yaml, without a call to the cloud. Raises CloudError when there is none.

    clouds.yaml only authenticates: where, in which project and region is the cloud file's to say.
    """
    from openstack.config import OpenStackConfig

    file = loaded.cloud.credentials
    entry = loaded.stack.cloud
    if file and not Path(file).is_file():
        hint = _("the lab makes it: socle lab up") if loaded.cloud.embedded else _("ask the cloud's administrators")
        raise CloudError("SOC-4101", _("no credentials, missing file: {file}").format(file=file), hint=hint)
    try:
        config = OpenStackConfig(config_files=[file] if file else None, load_envvars=False)
        known = config.get_one(cloud=entry, validate=False).config.get("auth") or {}
        decided = {"auth_url": loaded.cloud.auth_url}
        if "application_credential_secret" not in known:
            decided["project_name"] = loaded.cloud.project
        region = config.get_one(cloud=entry, auth=decided)
    except PermissionError as error:
        hint = _("run it as the user to whom the file belongs")
        message = _("credentials cannot be read: {file}").format(file=error.filename)
        raise CloudError("SOC-4101", message, hint=hint) from None
    except Exception as error:  # what a person wrote there, the SDK refuses in a dozen ways
        raise _no_entry(loaded, error) from None
    region.config["region_name"] = loaded.cloud.region
    if loaded.cloud.ca_certificate:
        region.config["cacert"] = loaded.cloud.ca_certificate
    return region


def _no_entry(loaded: LoadedStack, error: Exception) -> CloudError:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    message = _("no usable entry for {cloud} in clouds.yaml: {reason}").format(cloud=loaded.stack.cloud, reason=reason)
    hint = _("see `credentials` in the cloud file, and the clouds.yaml that it names")
    return CloudError("SOC-4101", message, hint=hint)


def environment(loaded: LoadedStack) -> dict[str, str]:
    """The secret half of the provider's settings, for the engine's environment; what is not used is empty."""
    config = _region(loaded).config
    variables = {name: str(config["auth"].get(key) or "") for key, name in _VARIABLES.items()}
    variables |= dict.fromkeys(_NOT_THE_CALLERS, "")
    if authority := config.get("cacert"):
        variables["OS_CACERT"] = str(authority)
    return variables


def connect(loaded: LoadedStack, patience: Patience = PATIENCE) -> Connection:
    """An authenticated connection. Raises CloudError: unreachable, refused, of another project, or a certificate that
    is not trusted."""
    from functools import partial

    import openstack
    from keystoneauth1.session import Session as Authenticated

    from socle.engine.session import Session

    _reach(loaded, patience.accept)
    region = _region(loaded)
    region.set_session_constructor(partial(Authenticated, session=Session(patience)))
    connection = openstack.connection.Connection(config=region)
    with cloud_errors():
        try:
            connection.session.get_token()
        except Exception as error:
            if type(error) is Exception:  # keystoneauth's own way to say that a password is missing
                raise _no_entry(loaded, error) from None
            raise
    with cloud_errors():
        _require_project(loaded, connection)
    return connection


def _require_project(loaded: LoadedStack, connection: Connection) -> None:
    """An application credential names its project itself: resources would be made there, whatever the cloud file says.

    Raises CloudError.
    """
    auth = connection.session.auth
    project = auth.get_access(connection.session).project_name if auth else None
    if project != loaded.cloud.project:
        message = _("the credentials are of another project than the cloud file's: {theirs} is not {ours}")
        raise CloudError(
            "SOC-4112",
            message.format(theirs=project or "?", ours=loaded.cloud.project),
            hint=_("see project in the cloud file"),
        )


def _reach(loaded: LoadedStack, seconds: float) -> None:
    """A plain connection first: an address that leads nowhere is known within seconds, without being asked again."""
    url = urlsplit(loaded.cloud.auth_url)
    try:
        socket.create_connection((url.hostname or "", url.port or 443), timeout=seconds).close()
    except OSError as error:
        hint = _("is the lab up? socle lab status") if loaded.cloud.embedded else ""
        raise unreachable(loaded.cloud.auth_url, error, hint) from None
