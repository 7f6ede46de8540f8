"""The list of a stack's secrets: what there is, and which tiers are handed it. No value is known here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from socle.stack.model import Certificates
from socle.topology.model import Secret, Tier
from socle.topology.objects import Store
from socle.topology.tiers import role_of

TURN_LIFETIME = 14400  # seconds for which a participant's TURN credentials are good: our value, longer than a meeting
WATCHING = {"logs", "monitoring"}


def secrets_of(
    domain: str, tiers: Sequence[Tier], store: Store | None, certificates: Certificates
) -> tuple[Secret, ...]:
    """Each once, in the order in which the vault makes them."""
    there = {tier.name for tier in tiers}
    visio = tuple(tier.name for tier in tiers if role_of(tier.name) == "application")
    joining = tuple(tier for tier in ("recording", "telephony", "subtitles") if tier in there)  # rooms, as people do
    encrypting = sorted({n.tier for t in tiers for n in t.nodes if n.volume and n.volume.encryption == "node"})
    found = [
        Secret("ssh_key", "ssh-key", ()),
        Secret("livekit_api_key", "token", ("media", *visio, *joining)),
        Secret("livekit_api_secret", "token", ("media", *visio, *joining)),
        Secret("turn_secret", "rotating", ("turn", "media")),
        *_of_acme(certificates),
        Secret("edge_certificate", "certificate", ("edge",), (domain, f"livekit.{domain}"), public=True),
        Secret("turn_certificate", "certificate", ("turn",), (f"turn.{domain}",), public=True),
    ]
    found += _valkey(domain, tiers, "bus", "valkey", ("media",))
    found += _valkey(domain, tiers, "cache", "cache", ("application", "workers"))
    found += _database(domain, tiers)
    found += _objects(there, store)
    found += _features(domain, tiers)
    found += [Secret("volume_key", "token", tuple(encrypting))] if encrypting else []
    found += _of_nodes(domain, tiers)
    return (*found, *_visio(there))


def _of_acme(certificates: Certificates) -> Iterator[Secret]:
    """By what the authority knows who asks. No node is handed them."""
    if certificates.issuer == "acme":
        yield Secret("acme_account_key", "account-key", ())
        if certificates.external_account:
            yield Secret("acme_hmac", "handed-over", ())


def _of_nodes(domain: str, tiers: Sequence[Tier]) -> Iterator[Secret]:
    """By what nodes know each other, where somebody collects from all of them: one certificate for a tier's nodes."""
    there = {tier.name for tier in tiers}
    if not WATCHING & there:
        return
    if "monitoring" in there:
        yield Secret("livekit_metrics_password", "token", ("media", "monitoring"))
        yield Secret("dashboards_password", "token", ("monitoring",))
    for tier in tiers:
        names = (f"{tier.name}.nodes.{domain}", *(node.address for node in tier.nodes))
        yield Secret(f"node_certificate_{tier.name}", "certificate", (tier.name,), names, client=True)


def _visio(tiers: set[str]) -> Iterator[Secret]:
    """What Visio's own tiers are handed besides."""
    if "application" not in tiers:
        return
    running = tuple(tier for tier in ("application", "workers") if tier in tiers)
    yield Secret("visio_key", "token", running)
    yield Secret("oidc_client_secret", "handed-over", ("application",))


def _valkey(domain: str, tiers: Sequence[Tier], tier: str, prefix: str, clients: tuple[str, ...]) -> list[Secret]:
    """`prefix`: of the secrets' names, and the host's in the certificate."""
    addresses = tuple(node.address for one in tiers if one.name == tier for node in one.nodes)
    if not addresses:
        return []
    watched = any(one.name == "monitoring" for one in tiers)
    found = [
        Secret(f"{prefix}_password", "token", (tier, *clients)),
        *([Secret(f"{prefix}_monitoring_password", "token", (tier,))] if watched else []),
        Secret(f"{prefix}_certificate", "certificate", (tier,), (f"{prefix}.{domain}", *addresses)),
    ]
    if len(addresses) > 1:  # they are copied, and vote on who leads
        found += [
            Secret(f"{prefix}_replication_password", "token", (tier,)),
            Secret(f"{prefix}_vote_password", "token", (tier,)),
            Secret(f"{prefix}_sentinel_password", "token", (tier, *clients)),
        ]
    return found


def _features(domain: str, tiers: Sequence[Tier]) -> Iterator[Secret]:
    """Of what a stack may ask for besides. Recorders and phone gateways have users of their own on LiveKit's bus."""
    there = {tier.name: [node.address for node in tier.nodes] for tier in tiers}
    yield from (Secret(f"valkey_{t}_password", "token", ("bus", t)) for t in ("recording", "telephony") if t in there)
    if "telephony" in there:
        yield Secret("telephony_certificate", "certificate", ("telephony",), (f"sip.{domain}",))
    if "transcription" in there:
        visio = tuple(tier for tier in ("application", "workers") if tier in there)
        yield Secret("transcription_ask", "token", (*visio, "transcription"))
        yield Secret("transcription_answer", "token", (*visio, "transcription"))
        yield Secret("transcription_speech", "token", ("transcription",))
        yield Secret("transcription_queue", "token", ("transcription",))
        names = (f"transcription.{domain}", *there["transcription"])
        yield Secret("transcription_certificate", "certificate", ("transcription",), names)
    if "subtitles" in there:
        yield Secret("subtitles_speech", "token", ("subtitles",))


def _objects(tiers: set[str], store: Store | None) -> list[Secret]:
    """Pairs of keys for S3: of the cloud's store they are handed over, of the stack's own they are made here. Who keeps
    recordings cannot reach the backups."""
    kind: Literal["handed-over", "token"] = "handed-over" if store and store.owner == "cloud" else "token"
    wanted = {
        "objects": tuple(t for t in ("application", "workers", "transcription") if t in tiers and "recording" in tiers),
        "backup": tuple(t for t in ("database",) if t in tiers),
    }
    found = []
    for prefix, readers in wanted.items() if store else ():
        having = (*readers, *(["objects"] if kind == "token" else []))
        found += [Secret(f"{prefix}_{part}", kind, having) for part in ("key", "secret") if readers]
    if store and wanted["backup"]:
        found.append(Secret("backup_cipher", "token", wanted["backup"]))
    return found


def _database(domain: str, tiers: Sequence[Tier]) -> list[Secret]:
    addresses = tuple(node.address for tier in tiers if tier.name == "database" for node in tier.nodes)
    if not addresses:
        return []
    users = ("replication", "rewind", "monitoring", "probe", "management")  # the last one is Patroni's own interface's
    return [
        Secret("database_password", "token", ("database", "application", "workers")),
        *(Secret(f"database_{user}_password", "token", ("database",)) for user in users),
        Secret("database_certificate", "certificate", ("database",), (f"database.{domain}", *addresses), client=True),
    ]
