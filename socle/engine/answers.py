"""What a cloud's API answers when it does not do what it was asked, as one error with what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from socle.errors import CloudError
from socle.messages import _

if TYPE_CHECKING:
    import requests

SAID = 200  # characters of the cloud's own words that are repeated

# Status -> code, sentence, what to do. {what}: the call, as `GET https://host/path`.
ANSWERS: dict[int, tuple[str, str, str]] = {
    401: (
        "SOC-4103",
        "the cloud refuses the credentials, at: {what}",
        "see user, password or application credential in clouds.yaml",
    ),
    403: (
        "SOC-4121",
        "the cloud forbids: {what}",
        "ask the cloud's administrators for a role that may do this in the project",
    ),
    404: (
        "SOC-4122",
        "the cloud does not know: {what}",
        "see the service's address: openstack catalog list",
    ),
    409: (
        "SOC-4123",
        "in conflict with what the cloud holds or does: {what}",
        "wait until nobody else works on it, then run the same command again",
    ),
    413: ("SOC-4105", "over a limit of the cloud: {what}", "free resources or ask the cloud's administrators for more"),
    429: (
        "SOC-4124",
        "too many calls for the cloud, even after waiting: {what}",
        "wait a few minutes, then run the same command again; if it stays, ask for a higher rate",
    ),
    500: (
        "SOC-4125",
        "a service of the cloud fails: {what}",
        "run the same command again later; if it stays, ask the cloud's operators",
    ),
}

OTHER = (
    "SOC-4109",
    "the cloud answers with an error: {what}",
    "try again; if it stays, ask the cloud's operators",
)


class CloudErrors(CloudError):
    """Everything the cloud lacks, so that it is asked for in one go."""

    def __init__(self, errors: Sequence[CloudError]) -> None:
        super().__init__(errors[0].code, errors[0].message, hint=errors[0].hint)
        self.errors = tuple(errors)

    def lines(self) -> list[str]:
        return [line for error in self.errors for line in error.lines()]


def refused(status: int, what: str, said: str = "") -> CloudError:
    """The error of an HTTP status. `said`: the cloud's own words."""
    if status in (403, 409) and "quota" in said.lower():  # Nova and Neutron say it so, Cinder with 413
        row = ANSWERS[413]
    elif status == 404 and "application credential" in said.lower():  # Keystone, of one that was deleted or has expired
        row = ANSWERS[401]
    else:
        row = ANSWERS.get(500 if status >= 500 else status, OTHER)
    code, sentence, remedy = row
    return CloudError(code, _(sentence).format(what=what), hint=_hint(_(remedy), f"{status} {said}"))


def unreadable(what: str, reason: object = "") -> CloudError:
    remedy = _("run the same command again; if it stays, tell the cloud's operators")
    return CloudError("SOC-4110", "the cloud's answer cannot be read: {what}", what=what, hint=_hint(remedy, reason))


def silent(what: str, seconds: float) -> CloudError:
    hint = _("waited {seconds} s; run the same command again later").format(seconds=round(seconds))
    return CloudError("SOC-4126", "no answer of the cloud in time: {what}", what=what, hint=hint)


def unreachable(url: str, reason: object, hint: str = "") -> CloudError:
    return CloudError("SOC-4102", "the cloud cannot be reached, at: {url}", url=url, hint=_hint(hint, reason))


def untrusted(url: str) -> CloudError:
    hint = _("see ca_certificate in the cloud file, or cacert in clouds.yaml")
    return CloudError("SOC-4104", "the cloud's certificate is not trusted, at: {url}", url=url, hint=hint)


def call(method: str | None, url: str | None) -> str:
    """`GET https://host/path`: what follows the path is long and says little."""
    return f"{(method or 'GET').upper()} {urlsplit(url or '')._replace(query='', fragment='').geturl()}"


def found(find: Callable[..., Any], name: str) -> Any:
    """What the SDK finds under a name or an identifier; None where there is none."""
    from openstack.exceptions import NotFoundException

    try:
        return find(name, ignore_missing=False)
    except NotFoundException as error:
        if error.status_code:  # the API itself is not there
            raise
        return None


def said(response: requests.Response) -> str:
    """The message in an error's body, which each service wraps in its own way; else the words of the status line."""
    try:
        body = response.json()
    except ValueError:
        return response.reason or ""
    inner = [body, *body.values()] if isinstance(body, dict) else []
    messages = (one.get("message") for one in inner if isinstance(one, dict))
    return next((str(message) for message in messages if message), response.reason or "")


@contextmanager
def cloud_errors() -> Iterator[None]:
    """Around calls of the cloud's APIs. Raises CloudError for whatever they answer."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    try:
        yield
    except (SDKException, ClientException) as error:
        raise _translated(error) from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        if not _stumbled(error):
            raise
        raise unreadable(_("{kind} in the SDK").format(kind=type(error).__name__), error) from None


def _translated(error: Any) -> CloudError:
    from keystoneauth1 import exceptions as auth
    from openstack import exceptions

    if isinstance(error, auth.HttpError | exceptions.HttpException) and error.response is not None:
        return refused(error.response.status_code, call(error.method, error.url), said(error.response))
    if isinstance(error, auth.InvalidResponse | auth.DiscoveryFailure | exceptions.NotSupported):
        return unreadable(_("what the service says of its versions"), error)
    if isinstance(error, auth.CatalogException | exceptions.ServiceDisabledException):
        hint = _("see `region` in the cloud file, and: openstack catalog list")
        return CloudError("SOC-4127", "the cloud's catalogue lacks a service", hint=_hint(hint, error))
    if isinstance(error, auth.ConnectionError):
        return unreachable(_("an address of its catalogue"), error)
    code, sentence, remedy = OTHER
    return CloudError(code, _(sentence).format(what=_first_line(error)), hint=_(remedy))


def _stumbled(error: BaseException) -> bool:
    """Whether the SDK itself fell over an answer that is not of the form that the API promises."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    module = str(trace.tb_frame.f_globals.get("__name__", "")) if trace else ""
    return module.partition(".")[0] in ("openstack", "keystoneauth1", "requests", "json")


def _hint(remedy: str, said: object) -> str:
    words = _first_line(said)
    return "\n".join(line for line in (remedy, _("it says: {words}").format(words=words) if words else "") if line)


def _first_line(text: object) -> str:
    return str(text).strip().partition("\n")[0][:SAID]
