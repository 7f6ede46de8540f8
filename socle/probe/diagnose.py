"""From what failed to where: which node, which flows, and which calls that cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from socle.messages import _
from socle.probe.model import CallResult, Check


@dataclass(frozen=True)
class Cause:
    """`node` is None where no single node can be named."""

    node: str | None
    flows: tuple[str, ...]
    calls: tuple[str, ...]
    text: str


def down(checks: Iterable[Check]) -> dict[str, tuple[str, ...]]:
    """Node -> flows that do not answer there, seen from outside or from the node itself."""
    found: dict[str, list[str]] = {}
    for check in checks:
        if check.node is None or check.outcome != "fail":
            continue
        if check.kind == "flow":
            found.setdefault(check.node, []).append(check.subject)
        elif check.kind == "sockets" and check.facts.get("missing"):
            found.setdefault(check.node, []).extend(check.facts["missing"])
    return {node: tuple(dict.fromkeys(flows)) for node, flows in found.items()}


def needs(call: CallResult, media: Sequence[str]) -> list[tuple[str, str]]:
    """(node, flow) without which the call cannot be. It may have landed on any media node."""
    arrival = "media-udp" if call.path == "direct" else "relayed-arrival"
    asked = [(call.edge, "https"), *((node, flow) for node in media for flow in (arrival, "signalling"))]
    if call.path != "direct":
        asked.append((call.relay, call.path))
    return [(node, flow) for node, flow in asked if node]


def causes(checks: Sequence[Check], calls: Sequence[CallResult], media: Sequence[str]) -> list[Cause]:
    silent = down(checks)
    lost: dict[str, list[str]] = {}
    unexplained: list[CallResult] = []
    for call in calls:
        if not call.failure:
            continue
        culprits = [node for node, flow in needs(call, media) if flow in silent.get(node, ())]
        for node in dict.fromkeys(culprits):
            lost.setdefault(node, []).append(call.path)
        if not culprits:
            unexplained.append(call)
    found = [_of_node(node, flows, tuple(lost.get(node, ()))) for node, flows in silent.items()]
    return found + [_of_call(call) for call in unexplained] + list(_others(checks))


def _others(checks: Sequence[Check]) -> Iterator[Cause]:
    """What fails without anything being silent: more is open than wanted, or another answer came than expected."""
    for check in checks:
        if check.outcome != "fail" or check.kind == "flow":
            continue
        if check.kind == "sockets" and not check.facts.get("extra"):
            continue
        yield Cause(check.node, (), (), f"{check.node or check.subject}: {check.seen}")


def _of_node(node: str, flows: tuple[str, ...], calls: tuple[str, ...]) -> Cause:
    text = _("{node} does not answer for: {flows}").format(node=node, flows=", ".join(flows))
    if calls:
        text += _("; calls lost by it: {calls}").format(calls=", ".join(calls))
    return Cause(node, flows, calls, text)


def _of_call(call: CallResult) -> Cause:
    """Its first hop answers, so the fault is behind it."""
    if call.path == "direct":
        text = _("direct call, though its flows answer: {failure}").format(failure=call.failure)
        return Cause(None, ("media-udp",), (call.path,), text)
    text = _("call by {path}, though {relay} answers: {failure}").format(**vars(call))
    return Cause(call.relay, ("relayed-media", "relay"), (call.path,), text)
