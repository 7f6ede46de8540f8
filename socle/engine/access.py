"""Credentials of the cloud: from clouds.yaml to openstacksdk and to the engine's environment, nowhere else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from socle.errors import CloudError
from socle.messages import _
from socle.stack.load import LoadedStack

if TYPE_CHECKING:
    from openstack.connection import Connection

PATIENCE = 5  # seconds for a connection to be accepted
ANSWER = 120  # seconds for one answer of the cloud

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
    """The cloud's entry of clouds.yaml, without a call to the cloud. Raises CloudError when there is none."""
    from openstack.config import OpenStackConfig
    from openstack.exceptions import ConfigException

    file = loaded.cloud.credentials
    entry = loaded.stack.cloud
    if file and not Path(file).is_file():
        hint = _("the lab makes it: socle lab up") if loaded.cloud.embedded else _("ask the cloud's administrators")
        raise CloudError("SOC-4101", _("no credentials, missing file: {file}").format(file=file), hint=hint)
    try:
        config = OpenStackConfig(config_files=[file] if file else None, load_envvars=False)
        region = config.get_one(cloud=entry)
    except PermissionError as error:
        raise CloudError("SOC-4101", _("credentials cannot be read: {file}").format(file=error.filename)) from None
    except ConfigException as error:
        message = _("no usable entry for {cloud} in clouds.yaml: {reason}")
        raise CloudError("SOC-4101", message.format(cloud=entry, reason=_first_line(error))) from None
    region.config.setdefault("auth", {})
    region.config["auth"]["auth_url"] = loaded.cloud.auth_url  # the cloud file decides, clouds.yaml only authenticates
    if "application_credential_secret" not in region.config["auth"]:
        region.config["auth"]["project_name"] = loaded.cloud.project
    region.config["api_timeout"] = ANSWER
    if loaded.cloud.ca_certificate:
        region.config["cacert"] = loaded.cloud.ca_certificate
    return region


def environment(loaded: LoadedStack) -> dict[str, str]:
    """The secret half of the provider's settings, for the engine's environment; what is not used is empty."""
    config = _region(loaded).config
    variables = {name: str(config["auth"].get(key) or "") for key, name in _VARIABLES.items()}
    variables |= dict.fromkeys(_NOT_THE_CALLERS, "")
    if authority := config.get("cacert"):
        variables["OS_CACERT"] = str(authority)
    return variables


def connect(loaded: LoadedStack) -> Connection:
    """An authenticated connection. Raises CloudError: unreachable, refused, of another project, or a certificate that
    is not trusted."""
    import openstack
    from keystoneauth1 import exceptions

    _reach(loaded)
    connection = openstack.connection.Connection(config=_region(loaded))
    try:
        connection.authorize()
    except Exception as error:  # the SDK wraps some of these, and not others
        cause = error.__cause__ or error.__context__ or error
        url = loaded.cloud.auth_url
        if isinstance(cause, exceptions.Unauthorized) or isinstance(error, exceptions.Unauthorized):
            message, hint = _("the cloud refuses the credentials, at: {url}"), _("see user and password in clouds.yaml")
            raise CloudError("SOC-4103", message.format(url=url), hint=hint) from None
        if "certificate" in str(error).lower():
            message, hint = (
                _("the cloud's certificate is not trusted, at: {url}"),
                _("see ca_certificate in the cloud file"),
            )
            raise CloudError("SOC-4104", message.format(url=url), hint=hint) from None
        raise _unreachable(loaded, error) from None
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
            "SOC-4111",
            message.format(theirs=project or "?", ours=loaded.cloud.project),
            hint=_("see project in the cloud file"),
        )


@contextmanager
def cloud_errors() -> Iterator[None]:
    """Around calls of the cloud's APIs. Raises CloudError for whatever they answer."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    try:
        yield
    except (SDKException, ClientException) as error:
        message = _("the cloud answers with an error: {reason}").format(reason=_first_line(error))
        raise CloudError("SOC-4109", message, hint=_("try again; if it stays, ask the cloud's operators")) from None


def _reach(loaded: LoadedStack) -> None:
    """A plain connection first: it fails within seconds, where the SDK tries for minutes."""
    url = urlsplit(loaded.cloud.auth_url)
    try:
        socket.create_connection((url.hostname or "", url.port or 443), timeout=PATIENCE).close()
    except OSError as error:
        raise _unreachable(loaded, error) from None


def _unreachable(loaded: LoadedStack, error: BaseException) -> CloudError:
    hint = _("is the lab up? socle lab status") if loaded.cloud.embedded else _first_line(error)
    message = _("the cloud cannot be reached, at: {url}").format(url=loaded.cloud.auth_url)
    return CloudError("SOC-4102", message, hint=hint)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]
