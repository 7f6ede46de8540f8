"""How Visio talks to the provider of identities: endpoints, claims. Pure; nothing is discovered.

Endpoints of ProConnect and Keycloak: their documentation; of others, the stack file says them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from socle.errors import InputError
from socle.messages import _
from socle.stack.load import LoadedStack
from socle.stack.model import Endpoints, Environment, IdentityProvider, Stack
from socle.stack.release import images_of

PROCONNECT = "https://auth.agentconnect.gouv.fr/api/v2"
PROCONNECT_TRIAL = "https://fca.integ01.dev-agentconnect.fr/api/v2"  # its integration platform
REALM = "/realms/"  # of Keycloak: /realms/NAME, and its endpoints beneath


@dataclass(frozen=True)
class Provider:
    """`name`, `port`: where its endpoints are asked by nodes, of its token endpoint. `pkce`: of each login."""

    provider: str
    name: str
    port: int
    client: str
    authorization: str
    token: str
    userinfo: str
    jwks: str
    logout: str | None
    pkce: bool
    scopes: str
    full_name: str
    short_name: str
    extra: dict[str, str]


def provider(stack: Stack) -> Provider | None:
    """None where nobody identifies the users, or where the endpoints are not known: `refuse` says which."""
    identity, endpoints = stack.identity, endpoints_of(stack)
    if endpoints is None:
        return None
    ours = identity.provider == IdentityProvider.PROCONNECT
    asked = urlsplit(endpoints.token)
    return Provider(
        provider=identity.provider.value,
        name=asked.hostname or "",
        port=asked.port or 443,
        client=identity.client,
        authorization=endpoints.authorization,
        token=endpoints.token,
        userinfo=endpoints.userinfo,
        jwks=endpoints.jwks,
        logout=endpoints.logout,
        pkce=(not ours) if identity.pkce is None else identity.pkce,
        scopes="openid email given_name usual_name" if ours else "openid email profile",
        full_name="given_name,usual_name" if ours else "given_name,family_name",
        short_name="given_name",
        extra={"acr_values": "eidas1"} if ours else {},
    )


def endpoints_of(stack: Stack) -> Endpoints | None:
    """As written, or as they follow from the issuer."""
    identity = stack.identity
    if identity.provider == IdentityProvider.NONE:
        return None
    if identity.endpoints:
        return identity.endpoints
    if identity.provider == IdentityProvider.PROCONNECT:
        ours = PROCONNECT if stack.environment == Environment.PRODUCTION else PROCONNECT_TRIAL
        return _beneath(identity.issuer or ours, ("authorize", "token", "userinfo", "jwks", "session/end"))
    if identity.issuer and REALM in identity.issuer:
        names = ("auth", "token", "userinfo", "certs", "logout")
        return _beneath(f"{identity.issuer.rstrip('/')}/protocol/openid-connect", names)
    return None


def _beneath(base: str, names: Iterable[str]) -> Endpoints:
    one = [f"{base.rstrip('/')}/{name}" for name in names]
    return Endpoints(authorization=one[0], token=one[1], userinfo=one[2], jwks=one[3], logout=one[4])


def refuse(loaded: LoadedStack, tiers: Iterable[str]) -> None:
    """Raises InputError where Visio is to run and nobody could log in, or what it needs is not there."""
    there, stack, mark = set(tiers), loaded.stack, loaded.document.mark
    for image in images_of(there):
        if image not in loaded.release.images:
            raise InputError("SOC-1211", "the release lacks an image: {image}", where=mark(("release",)), image=image)
    if not there & {"application", "workers"}:
        return
    if lacking := [tier for tier in ("application", "database", "cache") if tier not in there]:
        raise InputError(
            "SOC-1228",
            "Visio runs with application, database and cache, or not at all; left out: {tiers}",
            where=mark(("overrides", lacking[0])),
            hint=_("give them nodes, or leave application, workers, database and cache out"),
            tiers=", ".join(lacking),
        )
    if stack.identity.provider == IdentityProvider.NONE:
        raise InputError(
            "SOC-1225",
            "Visio needs somebody who says who its users are; identity.provider: {provider}",
            where=mark(("identity", "provider")),
            hint=_("proconnect, or oidc; a stack of calls alone leaves application, workers, database and cache out"),
            provider=stack.identity.provider.value,
        )
    found = provider(stack)
    if found is None:
        raise InputError(
            "SOC-1226",
            "the endpoints of this issuer are not known: {issuer}",
            where=mark(("identity", "issuer")),
            hint=_("write identity.endpoints as its discovery document names them: {file}").format(
                file=f"{(stack.identity.issuer or '').rstrip('/')}/.well-known/openid-configuration"
            ),
            issuer=stack.identity.issuer,
        )
    server = loaded.cloud.surroundings.identity
    if server is None or server.name != found.name:
        raise InputError(
            "SOC-1227",
            "{cloud} does not say where the identity provider answers: {name}",
            where=mark(("identity",)),
            hint=_("write surroundings.identity in the cloud file: address, name, port"),
            cloud=stack.cloud,
            name=found.name,
        )
