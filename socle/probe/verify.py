"""The whole verification of one stack, in the order that disturbs it least: flows, ports and sockets, then calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from socle.messages import _
from socle.probe import flows, names, ports, relay, sockets
from socle.probe.call import Client, Door, own_room, plan, token
from socle.probe.diagnose import Cause, causes
from socle.probe.model import CallResult, Check, Outcome, Spot, Target, worst
from socle.probe.signalling import announced
from socle.probe.sockets import Listener

SHORT = 2.0  # seconds of media, for a call that only has to land on a node
Facts = Mapping[str, Sequence[Listener] | str]  # node -> its sockets, or why they are not known
Say = Callable[[str], None]


@dataclass(frozen=True)
class Report:
    """`outcome` is pass only when everything that was looked at passed; unknown is no pass."""

    stack: str
    started: str
    seconds: float
    client: str
    checks: tuple[Check, ...]
    calls: tuple[CallResult, ...]
    causes: tuple[Cause, ...]

    @property
    def outcome(self) -> Outcome:
        calls: list[Outcome] = ["fail" if call.failure else "pass" for call in self.calls]
        return worst([check.outcome for check in self.checks] + calls)

    def document(self) -> dict[str, Any]:
        """What is written to verify.json: no secret, no token."""
        return {"format": 1, "outcome": self.outcome, **asdict(self)}


def run(
    target: Target,
    client: Client,
    gather: Callable[[], Facts],
    *,
    calls_only: bool = False,
    say: Say,
) -> Report:
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    checks: list[Check] = []
    say(_("probing flows"))
    checks += flows.checks(target)
    checks += relay.checks(target)
    checks += _signalling(target)
    if not calls_only:
        if target.names_server:
            checks += names.checks(target)
        say(_("scanning ports, asking the nodes for their sockets"))
        with ThreadPoolExecutor(1) as pool:
            facts = pool.submit(gather)
            checks += _ports(target)
            checks += _sockets(target, facts.result())
    calls, landed = _calls(target, client, say)
    checks += landed
    found = causes(checks, calls, [spot.name for spot in target.of("media")])
    seconds = round(time.monotonic() - clock, 1)
    return Report(target.topology.stack, started, seconds, client.name, tuple(checks), tuple(calls), tuple(found))


def _signalling(target: Target) -> list[Check]:
    """By each front: a join is answered, and announces no ICE server but the stack's own."""
    record, own = target.topology.record("signalling"), target.topology.record("turn").fqdn
    port = target.topology.flows.get("https").port
    pass_ = token(target.api_key, target.api_secret, "probe-join", own_room())
    found = []
    for spot in target.doors("edge"):
        seen = announced(Door(record.fqdn, spot.public or "", port), pass_, target.ca)
        facts, expected = asdict(seen), f"ICE servers of {own} only"
        if seen.failure:
            found.append(Check("signalling", "join", "fail", seen.failure, spot.name, expected, facts))
        elif foreign := seen.foreign(own):
            text = f"announces ICE servers that are not the stack's: {', '.join(foreign)}"
            found.append(Check("signalling", "join", "fail", text, spot.name, expected, facts))
        else:
            text = f"LiveKit {seen.version}, ICE servers announced, all the stack's: {len(seen.ice)}"
            found.append(Check("signalling", "join", "pass", text, spot.name, expected, facts))
    return found


def _ports(target: Target) -> list[Check]:
    """A burst that a network drops in part shows by an open port that stayed silent: that address is asked again,
    gently."""
    topology = target.topology
    spots = {spot.public: spot for spot in (*target.fronts, *target.spots) if spot.public}
    wanted = {address: ports.wanted_ports(topology, spot.tier, target.full_scan) for address, spot in spots.items()}
    seen = ports.scan(dict(wanted))
    silent = {
        address: wanted[address]
        for address, spot in spots.items()
        if (allowed := ports.allowed_ports(topology, spot.tier)) and not allowed.keys() & set(seen[address].open)
    }
    seen |= ports.scan(dict(silent), at_once=ports.GENTLY) if silent else {}
    return [ports.judge(topology, spot, seen[address]) for address, spot in spots.items()]


def _sockets(target: Target, facts: Facts) -> list[Check]:
    found = []
    for spot in target.spots:
        said = facts.get(spot.name, "the node's facts are missing")
        if isinstance(said, str):
            found.append(Check("sockets", "listening", "unknown", said, spot.name, "the flow matrix"))
        else:
            found.append(sockets.judge(target.topology, spot, said))
    return found


def _calls(target: Target, client: Client, say: Say) -> tuple[list[CallResult], list[Check]]:
    """One direct call, and by each relay one over UDP and one over TLS; fronts are taken in turn."""
    if not target.doors("edge"):
        return [], []
    fronts = cycle(target.doors("edge"))
    made = [_call(target, client, "direct", next(fronts), None, say)]
    for spot in target.of("turn"):
        made += [_call(target, client, path, next(fronts), spot, say) for path in ("turn-udp", "turn-tls")]
    return made, _landed(target, client, made[0], say)


def _call(
    target: Target, client: Client, path: Any, edge: Spot, by: Spot | None, say: Say, seconds: float | None = None
) -> CallResult:
    say(_("calling: {path}").format(path=f"{path} {by.name}" if by else path))
    wanted = plan(target, path, edge, by)
    if seconds is not None:
        wanted = replace(wanted, seconds=seconds)
    return replace(client.call(wanted), relay=by.name if by else None, edge=edge.name)


def _landed(target: Target, client: Client, direct: CallResult, say: Say) -> list[Check]:
    """`media-udp` on each media node. LiveKit chooses the node of a room, so further short calls look for the rest."""
    nodes = {spot.public: spot for spot in target.of("media") if spot.public}
    carried = _carriers(direct, set(nodes))
    tries = 4 * len(nodes) if not direct.failure else 0
    while len(carried) < len(nodes) and tries:
        tries -= 1
        more = _call(target, client, "direct", target.doors("edge")[0], None, say, SHORT)
        if more.failure:
            break
        carried |= _carriers(more, set(nodes))
    flow = target.topology.flows.get("media-udp")
    found = []
    for address, spot in nodes.items():
        if address in carried:
            check = Check("flow", flow.name, "pass", "carried a direct call", spot.name, f"udp {flow.ports}")
        else:
            text = "the direct call failed" if direct.failure else "no call landed on this node"
            check = Check("flow", flow.name, "unknown", text, spot.name, f"udp {flow.ports}")
        found.append(check)
    return found


def _carriers(call: CallResult, addresses: set[str]) -> set[str]:
    return set() if call.failure else {pair.remote for pair in call.pairs} & addresses
