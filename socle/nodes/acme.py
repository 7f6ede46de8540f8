"""Public certificates from an ACME authority (RFC 8555): account, order, DNS-01 proofs, chain.

Keys come from the vault and go back there; what leaves this machine is their public half.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from socle.errors import CloudError
from socle.messages import _
from socle.nodes.challenges import Challenges
from socle.stack.load import LoadedStack

if TYPE_CHECKING:
    from acme.client import ClientV2
    from acme.messages import OrderResource

PATIENCE = timedelta(minutes=5)  # for what the authority does once it is asked: it looks for proofs, it signs
CALL = 30  # seconds: one call
PREFIX = "_acme-challenge"


class AcmeError(CloudError):
    """The authority refuses, is not reached, or may not sign for these names."""


@dataclass(frozen=True)
class Account:
    """Who asks. `hmac`: what binds the account to a customer of the authority, base64url; '' where nothing does."""

    key: str = field(repr=False)
    hmac: str = field(default="", repr=False)


def new_account_key() -> str:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()


def obtain(loaded: LoadedStack, account: Account, request: str, dns: Challenges) -> str:
    """The chain that answers a certificate request, both in PEM. Raises AcmeError, CloudError."""
    asking = _Asking(loaded.stack.certificates.directory or "")
    with asking.refusals():
        client = asking.client(account)
    with asking.refusals(of_account=True):
        _register(loaded, client, account)
    with asking.refusals():
        order = client.new_order(request.encode())
        _refuse_another_authority(loaded, client, [one.value for one in order.body.identifiers], dns)
        with _proofs(dns) as shown:
            _prove(client, order, dns, shown)
            return str(client.poll_and_finalize(order, datetime.now() + PATIENCE).fullchain_pem)


def _register(loaded: LoadedStack, client: ClientV2, account: Account) -> None:
    """Makes the account, or finds the one that this key has. Who names a directory accepts its terms."""
    import josepy
    from acme import errors, messages

    bound, key, binding = loaded.stack.certificates.external_account, client.net.key, None
    assert key
    if client.external_account_required() and bound is None:
        raise _customers_alone(client.directory["newAccount"])
    if bound:
        try:
            binding = messages.ExternalAccountBinding.from_data(
                key.public_key(), bound.key_id, account.hmac, client.directory
            )
        except (ValueError, josepy.errors.Error):
            raise AcmeError("SOC-4403", "the HMAC key of the ACME account is not in base64url") from None
    asked = messages.NewRegistration(terms_of_service_agreed=True, external_account_binding=binding)
    try:
        client.net.account = client.new_account(asked)
    except errors.ConflictError as known:
        client.net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())


def _customers_alone(address: str) -> AcmeError:
    return AcmeError(
        "SOC-4403",
        "the ACME authority serves its customers alone: {address}",
        hint=_("write certificates.external_account with the key identifier that it gave you"),
        address=address,
    )


def _refuse_another_authority(loaded: LoadedStack, client: ClientV2, names: list[str], dns: Challenges) -> None:
    """Before anything is proven: whether CAA records let this authority sign (RFC 8659)."""
    stated, own = loaded.stack.certificates.caa, tuple(client.directory.meta.caa_identities or ())
    if stated and own and stated not in own:
        raise AcmeError(
            "SOC-4406",
            "certificates.caa names {stated}, and the ACME authority calls itself: {own}",
            stated=stated,
            own=", ".join(own),
        )
    known = own or ((stated,) if stated else ())
    for name in names:
        allowed = dns.authorities(name)
        if known and allowed and not set(allowed) & set(known):
            raise AcmeError(
                "SOC-4406",
                "the CAA records of {name} let only {allowed} sign, not {known}",
                name=name,
                allowed=", ".join(allowed),
                known=", ".join(known),
            )


@contextmanager
def _proofs(dns: Challenges) -> Iterator[list[str]]:
    """Names of records, which are gone at the end."""
    shown: list[str] = []
    try:
        yield shown
    except BaseException:
        for name in shown:
            with suppress(CloudError):  # what went wrong first is what is told
                dns.withdraw(name)
        raise
    for name in shown:
        dns.withdraw(name)


def _prove(client: ClientV2, order: OrderResource, dns: Challenges, shown: list[str]) -> None:
    """`shown`: takes the names of the records that are made."""
    from acme import challenges, messages

    waiting = []
    for one in order.authorizations:
        if one.body.status == messages.STATUS_VALID:
            continue  # proven for an earlier order
        name = one.body.identifier.value
        ours = next((body for body in one.body.challenges if isinstance(body.chall, challenges.DNS01)), None)
        if ours is None:
            raise AcmeError("SOC-4408", "the ACME authority takes no proof by DNS for: {name}", name=name)
        response, text = ours.response_and_validation(client.net.key)
        shown.append(f"{PREFIX}.{name}")
        dns.put(f"{PREFIX}.{name}", text)
        waiting.append((ours, response))
    for body, response in waiting:
        client.answer_challenge(body, response)


class _Asking:
    """One conversation with a directory, and what its refusals mean."""

    def __init__(self, directory: str) -> None:
        self.directory, self.again = directory, ""

    def client(self, account: Account) -> ClientV2:
        from acme.client import ClientNetwork, ClientV2
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from josepy.jwa import ES256
        from josepy.jwk import JWKEC

        key = JWKEC(key=load_pem_private_key(account.key.encode(), None))
        net = ClientNetwork(key, alg=ES256, user_agent="socle", timeout=CALL)
        net.session.hooks["response"].append(self._remember)
        try:
            directory = ClientV2.get_directory(self.directory, net)
            complete = all(directory[name] for name in ("newNonce", "newAccount", "newOrder"))
        except (ValueError, KeyError, TypeError, AttributeError):  # JSON, but of something else
            complete = False
        if not complete:
            raise self._unreached(_("what answers there is something else"))
        return ClientV2(directory, net)

    def _remember(self, response: Any, *_args: Any, **_more: Any) -> None:
        self.again = "" if response.ok else moment(response.headers.get("Retry-After", ""), datetime.now(UTC))

    @contextmanager
    def refusals(self, *, of_account: bool = False) -> Iterator[None]:
        import josepy
        import requests
        from acme import errors, messages

        try:
            yield
        except messages.Error as error:
            raise self._refused(error, of_account) from None
        except errors.IssuanceError as error:
            raise self._refused(error.error) from None
        except errors.ValidationError as error:
            raise self._unproven(error) from None
        except errors.TimeoutError:
            raise AcmeError(
                "SOC-4409",
                "the ACME authority has not signed within {seconds} s: {directory}",
                hint=_("run the same command again: it asks anew"),
                seconds=round(PATIENCE.total_seconds()),
                directory=self.directory,
            ) from None
        except requests.exceptions.SSLError:
            hint = _("its certificate is not trusted; a private authority's file is named by REQUESTS_CA_BUNDLE")
            raise self._unreached(hint) from None
        except (requests.RequestException, errors.Error, josepy.errors.Error) as error:
            raise self._unreached(str(error)[:200]) from None

    def _refused(self, error: Any, of_account: bool = False) -> AcmeError:
        words = _words(error)
        if error.code == "rateLimited":
            return AcmeError(
                "SOC-4405",
                "the ACME authority signs no more for now, try again {when}: {words}",
                when=_("after {moment}").format(moment=self.again) if self.again else _("when its words say"),
                words=words,
            )
        if error.code == "externalAccountRequired":
            return _customers_alone(self.directory)
        if error.code == "caa":
            return AcmeError("SOC-4406", "CAA records forbid the ACME authority to sign: {words}", words=words)
        if of_account:
            return AcmeError("SOC-4402", "the ACME authority refuses the account: {words}", words=words)
        return AcmeError("SOC-4408", "the ACME authority refuses: {words}", words=words)

    def _unproven(self, error: Any) -> AcmeError:
        said = [
            (one.body.identifier.value, body.error)
            for one in error.failed_authzrs
            for body in one.body.challenges
            if body.error is not None
        ]
        for _name, reason in said:
            if reason.code in ("caa", "rateLimited"):
                return self._refused(reason)
        return AcmeError(
            "SOC-4404",
            "the ACME authority does not find the proof of {names}: {words}",
            hint=_("can it reach all name servers of the zone, and do they serve what this one does?"),
            names=", ".join(sorted({name for name, _reason in said})),
            words="; ".join(_words(reason) for _name, reason in said),
        )

    def _unreached(self, hint: str) -> AcmeError:
        return AcmeError(
            "SOC-4401", "no ACME directory answers there: {directory}", hint=hint, directory=self.directory
        )


def _words(error: Any) -> str:
    """The authority's own."""
    parts = [error, *(error.subproblems or ())]
    return "; ".join(str(part.detail or part.typ) for part in parts)[:600]


def moment(retry_after: str, now: datetime) -> str:
    """Of a header: seconds, or a date (RFC 9110 10.2.3). '' where it says neither."""
    from email.utils import parsedate_to_datetime

    if retry_after.isdecimal():
        return (now + timedelta(seconds=min(int(retry_after), 10**8))).isoformat(timespec="seconds")
    try:
        return parsedate_to_datetime(retry_after).isoformat(timespec="seconds")
    except (ValueError, TypeError):
        return ""
