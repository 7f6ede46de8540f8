"""The HTML dossier: one page that a reviewer reads offline, prints and signs. No script, no file from outside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socle.messages import in_language
from socle.policy.catalogue import SEVERITIES, Catalogue, Control, catalogue
from socle.policy.finding import Assessment, Finding, Judgement
from socle.policy.model import Model
from socle.policy.outcome import PHASES
from socle.policy.statement import in_force
from socle.report.coverage import coverage
from socle.topology.flows import End, PublicOf
from socle.topology.tiers import without_role

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TEMPLATES = Path(__file__).parent / "templates"
# mark, words: a standing is never said by colour alone
STANDINGS: dict[str, tuple[str, str]] = {
    "failed": ("✗", "not met"),
    "waived": ("⚑", "waived"),
    "unknown": ("?", "unknown"),
    "partly": ("◐", "met so far"),
    "passed": ("✓", "met"),
    "not_applicable": ("–", "not applicable"),
    "not_assessed": ("○", "not assessed"),
    "stated": ("✍", "stated"),
    "statement": ("✎", "statement"),
}


@dataclass(frozen=True)
class Evidence:
    """Findings that say the same of several subjects."""

    phase: str
    standing: str
    seen: str
    expected: str
    settled_in: str | None
    where: str
    program: str
    waiver: str | None
    note: str
    subjects: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    control: Control
    judgement: Judgement
    evidence: tuple[Evidence, ...]


def write(
    folder: Path, result: Assessment, model: Model, *, language: str = "fr", key: Ed25519PrivateKey | None = None
) -> Path:
    """Writes `index.html` and the machine-readable files beside it, and seals them; gives the page's path."""
    from socle.evidence.seal import seal
    from socle.report import ciso_assistant, junit, oscal, plain, sarif, table

    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    page.write_text(html(result, model, language=language), encoding="utf-8")
    findings = json.dumps([asdict(one) for one in plain.records(result)], indent=1, ensure_ascii=False)
    for name, text in (
        ("findings.json", findings),
        ("findings.sarif", sarif.text(result)),
        ("findings.junit.xml", junit.text(result)),
        ("findings.csv", table.text(result)),
        ("assessment-results.oscal.json", oscal.text(result)),
        ("ciso-assistant.csv", ciso_assistant.text(result)),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    about = {"stack": result.stack, "tool": result.tool, "day": result.day, "go": result.verdict.go}
    about |= {"phases": result.phases, "evidence": result.digest, "stack_file": model.loaded.digest}
    seal(folder, about, key)
    return page


def html(result: Assessment, model: Model, *, language: str = "fr") -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    say = partial(in_language, code=language)
    environment.globals.update(_=say, standing=lambda name: (STANDINGS[name][0], say(STANDINGS[name][1])))
    return environment.get_template("dossier.html.j2").render(**_values(result, model, language, say))


def _values(result: Assessment, model: Model, language: str, say: Callable[[str], str]) -> dict[str, Any]:
    book = catalogue()
    rows = [_row(book, judgement, result) for judgement in result.judgements]
    judged = [row for row in rows if row.evidence]
    order = {severity: rank for rank, severity in enumerate(SEVERITIES)}
    worst_first = sorted(judged, key=lambda row: (order[row.control.severity], row.control.id))
    return {
        "language": language,
        "result": result,
        "stack": model.loaded.stack,
        "cloud": model.loaded.cloud,
        "release": model.loaded.release,
        "phases": PHASES,
        "standings": list(STANDINGS),
        "counts": Counter(row.judgement.standing for row in rows),
        "sections": [
            (book.sections[name], list(group)) for name, group in groupby(rows, key=lambda row: row.control.section)
        ],
        "coverage": [(book.documents[one.document], one) for one in coverage(book, result.judgements)],
        "judged": judged,
        "failed": [row for row in worst_first if row.judgement.standing == "failed"],
        "waived": [(row, one) for row in judged for one in row.evidence if one.waiver],
        "waivers": {waiver.id: waiver for waiver in model.waivers},
        "unknowns": [(row, one) for row in judged for one in row.evidence if one.standing == "unknown"],
        "flows": [_flow(model, flow, say) for flow in model.topology.flows],
        "tiers": model.topology.tiers,
        "resources": _resources(model),
        "total": len(model.graph) if model.graph else 0,
        "nodes": model.topology.nodes,
        "calls": list(_calls(model)),
        "verified": (model.probes or {}).get("started"),
        "families": book.families,
        "signed": [row for row in rows if "process" in row.judgement.phases],
        "stated": {one.control: one for one in in_force(model.statements, model.today) if one.holds(model.today)},
        "text": lambda control: control.text(language),
        "lab": model.loaded.cloud.embedded,
        "stand_ins": model.loaded.release.stand_ins(tier.name for tier in model.topology.tiers),
        "left_out": model.topology.left_out,
        "by_hand": model.topology.promoted_by_hand,
        "bare": without_role(tier.name for tier in model.topology.tiers),
    }


def _row(book: Catalogue, judgement: Judgement, result: Assessment) -> Row:
    findings = result.of(judgement.control)
    return Row(book[judgement.control], judgement, tuple(_grouped(findings)))


def _grouped(findings: tuple[Finding, ...]) -> Iterator[Evidence]:
    def key(finding: Finding) -> tuple[str, ...]:
        standing = "waived" if finding.waived else str(finding.status)
        said = (finding.seen, finding.expected, finding.settled_in or "", str(finding.where or ""))
        return (finding.phase, standing, *said, str(finding.program or ""), finding.waiver or "", finding.note)

    groups: dict[tuple[str, ...], list[str]] = {}
    for finding in findings:
        groups.setdefault(key(finding), []).append(finding.subject)
    for (phase, standing, seen, expected, settler, where, program, waiver, note), subjects in groups.items():
        yield Evidence(
            phase, standing, seen, expected, settler or None, where, program, waiver or None, note, tuple(subjects)
        )


def _flow(model: Model, flow: Any, say: Callable[[str], str]) -> Mapping[str, str]:
    def end(value: End) -> str:
        if isinstance(value, PublicOf):
            return f"{value.tier} ({say('public addresses')})"
        blocks = model.topology.places.get(str(value))
        return f"{value} ({', '.join(blocks)})" if blocks else str(value)

    return {
        "name": flow.name,
        "source": end(flow.source),
        "target": end(flow.target),
        "port": f"{flow.protocol} {flow.ports}",
        "why": say(flow.why),
    }


def _resources(model: Model) -> list[tuple[str, int, int]]:
    """Type, how many, how many of them protected from deletion."""
    kinds = Counter(resource.type for resource in model.graph or ())
    held = Counter(resource.type for resource in model.graph or () if resource.protect)
    return [(kind, count, held[kind]) for kind, count in sorted(kinds.items()) if kind.startswith("openstack:")]


def _calls(model: Model) -> Iterator[Mapping[str, Any]]:
    for call in (model.probes or {}).get("calls") or ():
        received = call.get("received") or ()
        yield {
            "path": call["path"],
            "client": call["client"],
            "relay": call.get("relay") or "",
            "received": ", ".join(f"{one['audio']} / {one['video']}" for one in received),
            "failure": call["failure"],
        }
