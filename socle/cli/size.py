"""`socle size`: from people to nodes, with no stack file and no cloud."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from socle.messages import _

if TYPE_CHECKING:
    from socle.topology.sizing import Demand, Sizing, TierSize

# field of the demand -> its type and help; the option has the field's name, so that an error names the option
FIELDS: dict[str, tuple[type, str]] = {
    "seats": (int, "People who may use the service"),
    "peak_in_call": (float, "Share of them in a call at the busiest moment (0 to 1)"),
    "largest_room": (int, "Participants of the largest room"),
    "average_room": (float, "Participants of the average room"),
    "growth": (float, "Share that the seats grow by each year (0 to 1)"),
    "years": (int, "Years of that growth"),
    "relayed_share": (float, "Share of the participants who need the relay (0 to 1)"),
    "recording": (bool, "Rooms are recorded"),
    "recorded_share": (float, "Share of the rooms recorded at once (0 to 1)"),
    "transcription": (bool, "Rooms are transcribed"),
    "transcribed_share": (float, "Share of the rooms transcribed at once (0 to 1)"),
    "subtitles": (bool, "Rooms have live subtitles"),
    "subtitled_share": (float, "Share of the rooms subtitled at once (0 to 1)"),
    "telephony": (bool, "Participants may call in by phone"),
    "phone_share": (float, "Share of the participants by phone (0 to 1)"),
    "availability_zones": (int, "Availability zones: 1, 2 or 3"),
    "lab": (bool, "The shape without the size"),
    "retention_days": (int, "Days that recordings are kept"),
    "log_days": (int, "Days that logs are kept"),
    "port": (int, "Network port of a node, in Mbit/s"),
    "own_objects": (bool, "The cloud has no object store: the stack brings its own nodes"),
}
SHORT = {"peak_in_call": ("--peak",), "availability_zones": ("--zones",)}


def _demand_options(function: Callable[..., None]) -> Callable[..., None]:
    for field, (kind, words) in reversed(FIELDS.items()):
        name = field.replace("_", "-")
        option = f"--{name}/--no-{name}" if kind is bool else f"--{name}"
        function = click.option(*SHORT.get(field, ()), option, field, type=kind, default=None, help=words)(function)
    return function


@click.command()
@click.option("--stack", help="Start from a stack's name or file; the other options change it")
@_demand_options
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
def size(stack: str | None, as_json: bool, **fields: Any) -> None:
    """Say how many nodes of what size so many people need, and which limit says so.

    Every figure behind it, with its source and its error, is in docs/sizing.md.
    """
    from socle.topology.sizing import size as sized

    sizing = sized(_demand(stack, {name: value for name, value in fields.items() if value is not None}))
    if as_json:
        click.echo(json.dumps(_plain(sizing), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(sizing)))


def _demand(stack: str | None, given: dict[str, Any]) -> Demand:
    from socle.topology.sizing import Demand

    if stack is not None:
        from socle.stack import load_stack
        from socle.topology.derive import demand_of

        loaded = load_stack(stack)
        return dataclasses.replace(demand_of(loaded.stack, loaded.cloud), **given)
    if "seats" not in given:
        raise click.UsageError(_("say how many people (--seats), or start from a stack (--stack)"))
    return Demand(**given)


def _plain(sizing: Sizing) -> dict[str, Any]:
    demand = sizing.demand
    used = {"largest_room": demand.room, "average_room": demand.typical_room}
    return {
        "demand": {**dataclasses.asdict(demand), **used},
        "cells": sizing.cells,
        "tiers": {name: {**dataclasses.asdict(one), "because": one.because} for name, one in sizing.tiers.items()},
        "figures": {name: dataclasses.asdict(one) for name, one in sizing.outlook.items()},
    }


def _lines(sizing: Sizing) -> Iterator[str]:
    from socle.table import table
    from socle.topology.sizing.model import OUTLOOK
    from socle.topology.sizing.tiers import LIMITS

    head = (_("tier"), _("nodes"), _("per node, + volume"), _("the limit that binds"))
    yield table(
        head,
        [
            (name, one.nodes, _each(one), _(LIMITS[one.limit]).format(value=one.bound))
            for name, one in sizing.tiers.items()
        ],
    )
    yield ""
    rows = [
        (_(OUTLOOK[name]), _number(one.low), _number(one.expected), _number(one.high))
        for name, one in sizing.outlook.items()
        if one.expected
    ]
    yield table((_("at the busiest moment, and over a year"), _("at least"), _("expected"), _("at most")), rows)
    yield ""
    if sizing.demand.availability_zones > 1 and not sizing.demand.lab:
        yield _("what carries calls survives the loss of any zone; zones: {count}").format(
            count=sizing.demand.availability_zones
        )
    if sizing.demand.availability_zones == 2 and not sizing.demand.lab:
        yield _("a majority survives with a witness in a third place; else promotion is by hand")
    if sizing.cells > 1:
        yield _("too large for one LiveKit domain; deployments beside each other: {count}").format(count=sizing.cells)
    yield _("the figures, their sources and their errors: {page}").format(page="docs/sizing.md")


def _each(one: TierSize) -> str:
    if not one.nodes:
        return "-"
    text = _("{vcpus} vCPU, {memory} GiB").format(vcpus=one.vcpus, memory=f"{one.memory:g}")
    text += f", {one.gpus} GPU" if one.gpus else ""
    return text + (_(" + {volume} GiB").format(volume=one.volume) if one.volume else "")


def _number(value: float) -> str:
    """Three digits say as much as the model knows."""
    if value < 100:
        return f"{value:.3g}"
    digits = len(str(int(value))) - 3
    return f"{round(value, -digits):,.0f}".replace(",", " ")
