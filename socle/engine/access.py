"""Credentials of the cloud: from clouds.yaml to openstacksdk and to the engine's environment, nowhere else."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
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

__all__ = ["cloud_errors", "connect", "connect_entry", "environment"]

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
    cloud = loaded.cloud

    def decided(known: Mapping[str, Any]) -> dict[str, str]:
        project = {} if "application_credential_secret" in known else {"project_name": cloud.project}
        return {"auth_url": cloud.auth_url, **project}

    region = _configured(loaded.stack.cloud, cloud.credentials, decided, embedded=cloud.embedded)
    region.config["region_name"] = cloud.region
    if cloud.ca_certificate:
        region.config["cacert"] = cloud.ca_certificate
    return region


def _configured(
    entry: str | None,
    file: str | None,
    decided: Callable[[Mapping[str, Any]], dict[str, str]] = lambda known: {},
    *,
    embedded: bool = False,
) -> Any:
    """An entry of clouds.yaml; None: what OS_* of the environment say, or the only entry. Raises CloudError.

    `decided`: from what the entry says of authentication to what is put in its place.
    """
    from openstack.config import OpenStackConfig

    if file and not Path(file).is_file():
        hint = _("the lab makes it: socle lab up") if embedded else _("ask the cloud's administrators")
        raise CloudError("SOC-4101", _("no credentials, missing file: {file}").format(file=file), hint=hint)
    try:
        config = OpenStackConfig(config_files=[file] if file else None, load_envvars=entry is None)
        known = config.get_one(cloud=entry, validate=False).config.get("auth") or {}
        return config.get_one(cloud=entry, auth=decided(known))
    except PermissionError as error:
        hint = _("run it as the user to whom the file belongs")
        message = _("credentials cannot be read: {file}").format(file=error.filename)
        raise CloudError("SOC-4101", message, hint=hint) from None
    except Exception as error:  # what a person wrote there, the SDK refuses in a dozen ways
        raise _no_entry(entry, error) from None


def _no_entry(entry: str | None, error: Exception) -> CloudError:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    if entry is None:
        message = _("the variables OS_* of the environment give no usable credentials: {reason}").format(reason=reason)
        return CloudError("SOC-4101", message, hint=_("set them, or name an entry of clouds.yaml"))
    message = _("no usable entry for {cloud} in clouds.yaml: {reason}").format(cloud=entry, reason=reason)
    hint = _("see the clouds.yaml that `credentials` in the cloud file, or --clouds, names")
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
    _reach(loaded.cloud.auth_url, patience.accept, _lab_hint(loaded.cloud.embedded))
    connection = _authenticated(_region(loaded), loaded.stack.cloud, patience)
    with cloud_errors():
        _require_project(loaded, connection)
    return connection


def connect_entry(
    entry: str | None,
    file: str | None = None,
    authority: str | None = None,
    patience: Patience = PATIENCE,
    *,
    embedded: bool = False,
) -> Connection:
    """An authenticated connection by an entry of clouds.yaml alone (None: OS_*), before any cloud file says more.

    `file`: the clouds.yaml, if it is not in the OpenStack SDK's places; `authority`: instead of the entry's `cacert`.
    Raises CloudError, also for an address that no cloud file could hold (SOC-4243).
    """
    region = _configured(entry, file, embedded=embedded)
    url = str((region.config.get("auth") or {}).get("auth_url") or "")
    if not url:
        raise _no_entry(entry, ValueError("auth_url"))
    if not url.startswith("https://"):
        hint = _("use the cloud's address with TLS: what is said to any other can be read on the way")
        raise CloudError("SOC-4243", "the cloud's address is not https: {url}", url=url, hint=hint)
    if authority:
        region.config["cacert"] = authority
    _reach(url, patience.accept, _lab_hint(embedded))
    return _authenticated(region, entry, patience)


def _authenticated(region: Any, entry: str | None, patience: Patience) -> Connection:
    from functools import partial

    import openstack
    from keystoneauth1.session import Session as Authenticated

    from socle.engine.session import Session

    region.set_session_constructor(partial(Authenticated, session=Session(patience)))
    connection = openstack.connection.Connection(config=region)
    with cloud_errors():
        try:
            connection.session.get_token()
        except Exception as error:
            if type(error) is Exception:  # keystoneauth's own way to say that a password is missing
                raise _no_entry(entry, error) from None
            raise
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


def _lab_hint(embedded: bool) -> str:
    return _("is the lab up? socle lab status") if embedded else ""


def _reach(address: str, seconds: float, hint: str = "") -> None:
    """A plain connection first: an address that leads nowhere is known within seconds, without being asked again."""
    url = urlsplit(address)
    try:
        socket.create_connection((url.hostname or "", url.port or 443), timeout=seconds).close()
    except (OSError, ValueError) as error:  # the latter: a port that is none
        raise unreachable(address, error, hint) from None
