"""`socle show`: each derived thing, as a table or as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from socle.messages import _
from socle.topology.model import Topology
from socle.topology.tiers import without_role

if TYPE_CHECKING:
    from socle.stack.load import LoadedStack

Rows = tuple[Sequence[str], list[Sequence[object]]]


def _tiers(topology: Topology) -> Rows:
    rows = [(t.name, len(t.nodes), t.flavour, _(t.level), t.network.cidr, _(t.title)) for t in topology.tiers]
    return ("tier", "nodes", "flavour", "level", "network", "what it is"), list(rows)


def _nodes(topology: Topology) -> Rows:
    return ("node", "tier", "zone", "address"), [(n.name, n.tier, n.zone, n.address) for n in topology.nodes]


def _networks(topology: Topology) -> Rows:
    return ("network", "cidr", "gateway"), [
        (n.name, " ".join(filter(None, (n.cidr, n.cidr6))), n.gateway) for n in topology.networks
    ]


def _volumes(topology: Topology) -> Rows:
    rows = [(n.volume.name, n.volume.size, n.volume.mount) for n in topology.nodes if n.volume]
    return ("volume", "GiB", "mounted on"), list(rows)


def _flows(topology: Topology) -> Rows:
    rows = [(f.name, str(f.source), str(f.target), f"{f.protocol} {f.ports}", _(f.why)) for f in topology.flows]
    return ("flow", "from", "to", "port", "why"), list(rows)


def _names(topology: Topology) -> Rows:
    return ("name", "tier"), [(r.fqdn, r.tier) for r in topology.records]


def _secrets(topology: Topology) -> Rows:
    rows = [(s.name, s.kind, ", ".join(s.tiers) or "-") for s in topology.secrets]
    return ("secret", "kind", "handed to"), list(rows)


def intent(loaded: LoadedStack) -> Rows:
    """Every key with its value in force, whether the stack file writes it, and whose assumption it is."""
    from socle.values import dotted, leaves

    stack = loaded.stack
    rows = []
    for path, value in leaves(stack.model_dump(mode="json", by_alias=True, exclude={"assumptions"})):
        key, origin = dotted(path), _("written") if path in loaded.document.values else _("default")
        if value != []:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((key, shown, origin, stack.assumptions.get(key, "")))
    return ("key", "value", "from", "assumption"), list(rows)


PARTS: dict[str, Callable[[Topology], Rows]] = {
    "tiers": _tiers,
    "nodes": _nodes,
    "networks": _networks,
    "flows": _flows,
    "volumes": _volumes,
    "names": _names,
    "secrets": _secrets,
}


def _flags(function: Callable[..., None]) -> Callable[..., None]:
    for part in reversed(PARTS):
        function = click.option(f"--{part}", part, is_flag=True, help=f"Only the {part}")(function)
    return function


@click.command()
@click.argument("stack")
@_flags
@click.option(
    "--intent", "only_intent", is_flag=True, help="What was asked for, with the defaults, and whose assumption it is"
)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
def show(stack: str, only_intent: bool, as_json: bool, **parts: bool) -> None:
    """Print what a stack becomes: tiers, nodes, networks, flows, volumes, names, secrets."""
    from socle.stack import load_stack
    from socle.topology import derive

    loaded = load_stack(stack)
    topology = derive(loaded)
    if only_intent:
        _print_intent(loaded, as_json=as_json)
        return
    chosen = [part for part in PARTS if parts[part]] or list(PARTS)
    if as_json:
        click.echo(json.dumps({part: _records(topology, part) for part in chosen}, indent=2, ensure_ascii=False))
        return
    from socle.table import table

    for part in chosen:
        head, rows = PARTS[part](topology)
        if len(chosen) > 1:
            click.echo(f"\n{_(part).upper()}" if part != chosen[0] else _(part).upper())
        click.echo(table([_(word) for word in head], rows))
    for image in loaded.release.stand_ins(tier.name for tier in topology.tiers):
        click.echo(_("{image}: a stand-in, not La Suite Meet").format(image=image))
    for tier, reason in topology.left_out.items():
        click.echo(_("left out: {tier} ({reason})").format(tier=tier, reason=reason))
    if by_hand := topology.promoted_by_hand:
        click.echo(_("promotion by hand for: {tiers}").format(tiers=", ".join(by_hand)))
    if bare := without_role(tier.name for tier in topology.tiers):
        click.echo(_("made and hardened, nothing runs on them yet: {tiers}").format(tiers=", ".join(bare)))


def _print_intent(loaded: LoadedStack, *, as_json: bool) -> None:
    from textwrap import shorten

    from socle.table import table

    head, rows = intent(loaded)
    if as_json:
        click.echo(json.dumps([dict(zip(head, row, strict=True)) for row in rows], indent=2, ensure_ascii=False))
        return
    click.echo(
        table(
            [_(word) for word in head[:3]],
            [(key, shorten(str(value), 36, placeholder="..."), origin) for key, value, origin, _why in rows],
        )
    )
    for key, why in loaded.stack.assumptions.items():
        click.echo(f"{key}: {why}")


def _records(topology: Topology, part: str) -> Any:
    if part == "tiers":
        return [dataclasses.asdict(tier) for tier in topology.tiers]
    if part == "flows":
        return [{**dataclasses.asdict(f), "source": str(f.source), "target": str(f.target)} for f in topology.flows]
    head, rows = PARTS[part](topology)
    return [dict(zip(head, row, strict=True)) for row in rows]
