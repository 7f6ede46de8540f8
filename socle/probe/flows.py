"""Every flow that the matrix marks as reachable, on every node of its tier, by its own protocol."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from ipaddress import ip_address

from socle.probe import pages, ssh, stun, tls
from socle.probe.model import Check, Spot, Target
from socle.probe.ports import way
from socle.topology.flows import Flow, Place

Probe = Callable[[Target, Flow, Spot, str], Check]


def checks(target: Target) -> list[Check]:
    """All but those that only a call can show (`media-udp`). Runs at most eight at a time."""
    todo = [(flow, spot) for flow in target.topology.flows.reachable() for spot in _spots(target, flow)]
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(_probe, target, flow, spot) for flow, spot in todo if flow.probe in PROBES]
        return [future.result() for future in done]


def _spots(target: Target, flow: Flow) -> Iterator[Spot]:
    if isinstance(flow.target, str):
        yield from target.doors(flow.target)
        if flow.source == Place.INTERNET:
            nodes = target.topology.tier(flow.target).nodes
            yield from (Spot(one.name, one.tier, one.address, one.address6) for one in nodes if one.address6)


def _probe(target: Target, flow: Flow, spot: Spot) -> Check:
    if not spot.public:
        return Check("flow", flow.name, "fail", "no public address", spot.name)
    if ":" in spot.public and not way(spot.public):
        return Check("flow", flow.name, "unknown", f"this machine has no IPv6 way to {spot.public}", spot.name)
    assert flow.probe is not None
    return PROBES[flow.probe](target, flow, spot, spot.public)


def _tls(target: Target, flow: Flow, spot: Spot, address: str) -> Check:
    names = [record.fqdn for record in target.topology.records if record.tier == spot.tier]
    seen = {name: tls.handshake(address, flow.port, name, target.ca) for name in names}
    failures = [f"{name}: {one.failure}" for name, one in seen.items() if one.failure]
    facts = {name: asdict(one) for name, one in seen.items()}
    if spot.tier == "edge":
        facts = {
            name: {**said, "headers": pages.headers(address, flow.port, name, target.ca)}
            for name, said in facts.items()
        }
    lent = ""
    if not failures and spot.tier == "turn":
        answer = stun.allocate_tls(address, flow.port, names[0], target.ca, target.turn_secret)
        facts["allocation"] = asdict(answer)
        failures += [f"TURN over TLS: {answer.failure}"] if answer.failure else []
        lent = f", lends {answer.relayed}"
    if failures:
        same = len({one.failure for one in seen.values()}) == 1
        text = next(iter(seen.values())).failure if same and all(one.failure for one in seen.values()) else failures[0]
        return Check("flow", flow.name, "fail", text, spot.name, f"tcp {flow.ports}", facts)
    one = next(iter(seen.values()))
    old = [name for shake in seen.values() for name, said in (shake.old or {}).items() if said == "unknown"]
    text = f"{one.protocol} {one.cipher}, until {one.not_after[:10]}{lent}"
    if old:
        text += f"; not shown to be refused: {', '.join(dict.fromkeys(old))}"
    return Check("flow", flow.name, "pass", text, spot.name, f"tcp {flow.ports}", facts)


def _tcp(target: Target, flow: Flow, spot: Spot, address: str) -> Check:
    for port in range(flow.first, flow.last + 1):
        try:
            socket.create_connection((address, port), 5).close()
        except TimeoutError:
            return Check("flow", flow.name, "fail", f"no answer on tcp {port}", spot.name, f"tcp {flow.ports}")
        except OSError as error:
            why = f"tcp {port}: {error.strerror or error}"
            return Check("flow", flow.name, "fail", why, spot.name, f"tcp {flow.ports}")
    return Check("flow", flow.name, "pass", "connected", spot.name, f"tcp {flow.ports}")


def _ssh(target: Target, flow: Flow, spot: Spot, address: str) -> Check:
    seen = ssh.greet(address, flow.port, target.known_hosts)
    expected = f"tcp {flow.ports}, the pinned host key"
    facts = asdict(seen)
    if not seen.failure:
        text = f"{seen.banner.removeprefix('SSH-2.0-')}, pinned key, offers {', '.join(seen.methods)}"
        return Check("flow", flow.name, "pass", text, spot.name, expected, facts)
    if not seen.banner and not _allowed(target, address):
        text = "this machine is not in access.from, so silence proves nothing"
        return Check("flow", flow.name, "unknown", text, spot.name, expected, facts)
    return Check("flow", flow.name, "fail", seen.failure, spot.name, expected, facts)


def _allowed(target: Target, address: str) -> bool:
    mine = way(address)
    return bool(mine) and any(ip_address(mine) in block for block in target.administration)


def _stun(target: Target, flow: Flow, spot: Spot, address: str) -> Check:
    answer = stun.binding(address, flow.port)
    lent = stun.Answer("") if answer.failure else stun.allocate_udp(address, flow.port, target.turn_secret)
    facts = {"binding": asdict(answer), "allocation": asdict(lent)}
    expected = f"udp {flow.ports}"
    if answer.failure:
        return Check("flow", flow.name, "fail", f"STUN: {answer.failure}", spot.name, expected, facts)
    if lent.failure:
        return Check("flow", flow.name, "fail", f"TURN over UDP: {lent.failure}", spot.name, expected, facts)
    if (relay := lent.relayed.rpartition(":")[0]) not in (one.public for one in target.spots if one.name == spot.name):
        text = f"lends an address that is not the node's: {relay}"
        return Check("flow", flow.name, "fail", text, spot.name, expected, facts)
    text = f"STUN sees {answer.mapped}, lends {lent.relayed}"
    return Check("flow", flow.name, "pass", text, spot.name, expected, facts)


PROBES: dict[str, Probe] = {"tls": _tls, "tcp": _tcp, "ssh": _ssh, "stun": _stun}
