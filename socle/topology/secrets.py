"""The list of a stack's secrets: what there is, and which tiers are handed it. No value is known here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from socle.topology.model import Secret, Tier
from socle.topology.tiers import role_of


def secrets_of(domain: str, tiers: Sequence[Tier]) -> tuple[Secret, ...]:
    """Each once, in the order in which the vault makes them."""
    bus = tuple(node.address for tier in tiers if tier.name == "bus" for node in tier.nodes)
    visio = tuple(tier.name for tier in tiers if role_of(tier.name) == "application")
    encrypting = sorted({n.tier for t in tiers for n in t.nodes if n.volume and n.volume.encryption == "node"})
    found = [
        Secret("ssh_key", "ssh-key", ()),
        Secret("livekit_api_key", "token", ("media", *visio)),
        Secret("livekit_api_secret", "token", ("media", *visio)),
        Secret("turn_secret", "token", ("media", "turn")),
        Secret("valkey_password", "token", ("media", "bus")),
        Secret("edge_certificate", "certificate", ("edge",), (domain, f"livekit.{domain}")),
        Secret("turn_certificate", "certificate", ("turn",), (f"turn.{domain}",)),
        Secret("valkey_certificate", "certificate", ("bus",), (f"valkey.{domain}", *bus)),
    ]
    if len(bus) > 1:  # they are copied, and vote on who leads
        found += [
            Secret("valkey_replication_password", "token", ("bus",)),
            Secret("valkey_vote_password", "token", ("bus",)),
            Secret("valkey_sentinel_password", "token", ("media", "bus")),
        ]
    found += _cache(domain, tiers) + _database(domain, tiers)
    found += [Secret("volume_key", "token", tuple(encrypting))] if encrypting else []
    return (*found, *_visio({tier.name for tier in tiers}))


def _visio(tiers: set[str]) -> Iterator[Secret]:
    """What Visio's own tiers are handed besides."""
    if "application" not in tiers:
        return
    running = tuple(tier for tier in ("application", "workers") if tier in tiers)
    yield Secret("visio_key", "token", running)
    yield Secret("oidc_client_secret", "handed-over", ("application",))


def _cache(domain: str, tiers: Sequence[Tier]) -> list[Secret]:
    addresses = tuple(node.address for tier in tiers if tier.name == "cache" for node in tier.nodes)
    if not addresses:
        return []
    asking = ("cache", "application", "workers")
    found = [
        Secret("cache_password", "token", asking),
        Secret("cache_certificate", "certificate", ("cache",), (f"cache.{domain}", *addresses)),
    ]
    if len(addresses) > 1:
        found += [
            Secret("cache_replication_password", "token", ("cache",)),
            Secret("cache_vote_password", "token", ("cache",)),
            Secret("cache_sentinel_password", "token", asking),
        ]
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
