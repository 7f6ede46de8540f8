"""From a stack file to a verdict: load, derive, capture, render, evaluate, gate. Needs no cloud, no engine, no root."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from socle import __version__, content, fingerprint
from socle.errors import InputError
from socle.graph import Graph
from socle.paths import state_dir
from socle.policy.catalogue import catalogue
from socle.policy.evaluate import evaluate, needless
from socle.policy.finding import Assessment, tally
from socle.policy.gate import gate
from socle.policy.merge import judge
from socle.policy.model import Model, Neighbour
from socle.policy.outcome import PHASES, Phase
from socle.policy.rule import rules
from socle.policy.statement import load_statements
from socle.policy.waiver import load_waivers
from socle.stack import load_stack
from socle.stack.load import LoadedStack, known_stacks, referred
from socle.stack.yaml_marks import document_of
from socle.topology import Topology, derive

BEFORE_APPLY: tuple[Phase, ...] = ("spec", "plan", "config")


def check(argument: str, *, strict: bool = False, today: date | None = None) -> Assessment:
    """Judges what can be judged before anything exists. Raises InputError and its kin; never GateRefused."""
    return check_loaded(load_stack(argument), strict=strict, today=today)


def check_loaded(loaded: LoadedStack, *, strict: bool = False, today: date | None = None) -> Assessment:
    return assess(intended(loaded, derive(loaded), today=today), BEFORE_APPLY, strict=strict)


def report(argument: str, *, today: date | None = None) -> tuple[Assessment, Model]:
    """Every phase for which there is evidence: what was intended, and what was seen of it since."""
    loaded = load_stack(argument)
    model = with_evidence(intended(loaded, derive(loaded), today=today))
    return assess(model, PHASES), model


def intended(
    loaded: LoadedStack, topology: Topology, *, today: date | None = None, graph: Graph | None = None
) -> Model:
    """The model before apply. `graph`: what the engine previewed, else the program is captured."""
    from socle.graph.capture import capture
    from socle.nodes.render import render

    return Model(
        loaded=loaded,
        topology=topology,
        today=today or date.today(),
        neighbours=neighbours(loaded),
        waivers=load_waivers(loaded.name, known_stacks()),
        statements=load_statements(loaded.name, known_stacks()),
        graph=graph if graph is not None else capture(loaded, topology),
        files=render(loaded, topology),
    )


def with_evidence(model: Model) -> Model:
    """The model and what is kept of the running stack: node facts, `socle verify`, the cloud's API, host keys."""
    from dataclasses import replace

    folder = state_dir() / model.topology.stack
    facts = {file.stem: data for file in sorted((folder / "facts").glob("*.json")) if (data := _json(file)) is not None}
    known_hosts = folder / "known_hosts"
    pinned = None
    if known_hosts.is_file():
        lines = known_hosts.read_text(encoding="utf-8").splitlines()
        pinned = tuple(
            name.strip("[]").partition("]")[0] for line in lines if line for name in line.split()[0].split(",")
        )
    return replace(
        model,
        facts=facts or None,
        probes=_json(folder / "verify.json"),
        live=_json(folder / "live.json"),
        pinned_hosts=pinned,
    )


def assess(model: Model, phases: Iterable[Phase], *, strict: bool = False) -> Assessment:
    """Evaluates, merges per control, and asks the gate: before apply `check` gives it three phases, `report` all."""
    controls = catalogue()
    chosen = tuple(phase for phase in phases if model.has(phase))
    judges = [one for one in rules() if one.phase in chosen]
    findings = needless(evaluate(model, judges, chosen), model, chosen)
    return Assessment(
        stack=model.topology.stack,
        file=model.loaded.document.file,
        organisation=model.loaded.stack.organisation,
        tool=f"socle {__version__}",
        day=model.today.isoformat(),
        digest=digest(model),
        phases=chosen,
        rules_run=len(judges),
        findings=findings,
        tally=tally(findings),
        judgements=judge(controls, findings),
        verdict=gate(findings, controls.controls, strict=strict),
    )


def digest(model: Model) -> str:
    """sha256 of everything that was judged, in one order."""
    total = hashlib.sha256()
    parts: list[Any] = [
        model.loaded.digest,
        model.today.isoformat(),
        [w.id + w.expires.isoformat() for w in model.waivers],
        [repr(one) for one in model.statements],
    ]
    if own := content.own_policies():  # ours are the tool's, whose version the evidence names
        parts.append({str(file.relative_to(own)): fingerprint.content(file) for file in fingerprint.below(own)})
    if model.graph is not None:
        parts.append([(r.type, r.name, repr(r.inputs)) for r in model.graph])
    parts += [sorted((f"{t}:{p}", text) for (t, p), text in (model.files or {}).items())]
    parts += [model.facts, model.probes, model.live]
    total.update(json.dumps(parts, sort_keys=True, default=str).encode())
    return total.hexdigest()


def neighbours(loaded: LoadedStack) -> tuple[Neighbour, ...]:
    """The other stack files, read without judging them: a mistake in one must not stop the check of another."""
    found: dict[str, Neighbour] = {}
    for folder in (loaded.file.parent, *content.search_path()):
        for file in sorted(folder.glob("*.yaml")):
            if file.stem == loaded.name or file.stem in found:
                continue
            stack = _plain(file)
            cloud_file = referred("clouds", str(stack.get("cloud")))
            if not stack.get("environment") or cloud_file is None:
                continue
            cloud, network = _plain(cloud_file), stack.get("network")
            found[file.stem] = Neighbour(
                file.stem,
                str(stack["environment"]),
                str(stack["cloud"]),
                str(cloud.get("auth_url")),
                str(cloud.get("project")),
                str(network.get("cidr") if isinstance(network, dict) else None),
            )
    return tuple(found.values())


def _plain(file: Path) -> Mapping[str, Any]:
    """The keys of a YAML file; none where it cannot be read."""
    try:
        return _keys(file.read_bytes())
    except OSError:
        return {}


@lru_cache(maxsize=1024)  # by content: of a hundred stacks each is a neighbour of all others
def _keys(raw: bytes) -> Mapping[str, Any]:
    try:
        data = document_of(raw, "").data
    except InputError:
        return {}
    return data if isinstance(data, dict) else {}


def _json(file: Any) -> Any:
    try:
        return json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
