"""The stack's public names, asked of the server that holds them."""

from __future__ import annotations

from collections.abc import Sequence

from socle.probe.model import Check, Target

TIMEOUT = 3.0


def resolve(fqdn: str, server: str | None, kind: str = "A") -> tuple[str, ...] | str:
    """The name's addresses, or why there are none."""
    import dns.exception
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=server is None)
    if server:
        resolver.nameservers = [server]
    resolver.lifetime = 2 * TIMEOUT
    resolver.timeout = TIMEOUT
    try:
        return tuple(sorted(record.to_text() for record in resolver.resolve(fqdn, kind, search=False)))
    except dns.resolver.NXDOMAIN:
        return "no such name"
    except dns.exception.DNSException as error:
        return f"no answer: {type(error).__name__}"


def checks(target: Target) -> list[Check]:
    found = [
        _judge(
            record.fqdn, resolve(record.fqdn, target.names_server), [spot.public for spot in target.doors(record.tier)]
        )
        for record in target.topology.records
    ]
    for fqdn, addresses in target.topology.records6.items():
        found.append(_judge(f"{fqdn} AAAA", resolve(fqdn, target.names_server, "AAAA"), addresses))
    return found


def _judge(fqdn: str, seen: tuple[str, ...] | str, nodes: Sequence[str | None]) -> Check:
    wanted = tuple(sorted(address for address in nodes if address))
    text = seen if isinstance(seen, str) else ", ".join(seen)
    return Check("name", fqdn, "pass" if seen == wanted else "fail", text, expected=", ".join(wanted))
