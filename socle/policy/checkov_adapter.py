"""The plan rules as checkov sees them, with checkov's own as a second opinion. Our evaluator stays the gate.

checkov fails open: a check that does not load is silently no check. So it runs in a process of its own (any virtual
environment: `SOCLE_CHECKOV` names the program), each adapted check writes down that it ran, and a set that differs from
the registry's is an error.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from socle.errors import MachineError, SocleError
from socle.graph import Graph, terraform
from socle.graph.capture import capture
from socle.messages import _
from socle.policy.catalogue import catalogue
from socle.policy.evaluate import evaluate
from socle.policy.finding import Finding
from socle.policy.model import Model
from socle.policy.outcome import Status
from socle.policy.rule import rules
from socle.policy.waiver import load_waivers
from socle.stack import load_stack
from socle.stack.load import known_stacks
from socle.topology import derive

PREFIX = "CKV_SOCLE_"
# What checkov loads: one class per control, which looks its resource up in our verdicts by its address.
CHECKS = """
import json, os
from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

TABLE = json.load(open(os.environ["SOCLE_VERDICTS"]))
RESULTS = {"passed": CheckResult.PASSED, "failed": CheckResult.FAILED}


class Adapted(BaseResourceCheck):
    def scan_resource_conf(self, conf):
        address = conf.get("__address__")
        said = TABLE["verdicts"][self.id].get(address)
        with open(os.environ["SOCLE_RAN"], "a") as ran:
            ran.write(f"{self.id} {address}\\\\n")
        return RESULTS.get(said, CheckResult.UNKNOWN)


for row in TABLE["checks"]:
    Adapted(name=row["name"], id=row["id"], categories=[CheckCategories.GENERAL_SECURITY],
            supported_resources=row["resources"])
""".replace("\\\\n", "\\n")


@dataclass(frozen=True)
class Opinion:
    """`own`: failures of checkov's built-in checks. `adapted`: how many of our (check, resource) pairs ran."""

    adapted: int
    agreed: int
    disagreements: tuple[str, ...]
    own: tuple[str, ...]
    own_passed: int


def second_opinion(stack: str) -> list[str]:
    """Lines for a terminal. Raises MachineError when checkov is missing or did not run everything."""
    loaded = load_stack(stack)
    topology = derive(loaded)
    graph = capture(loaded, topology)
    waivers = load_waivers(loaded.name, known_stacks())
    opinion = ask(graph, Model(loaded, topology, date.today(), waivers=waivers, graph=graph))
    return [
        "",
        _("SECOND OPINION: checkov, the same plan rules and its own"),
        _("adapted rules: {ran} verdicts, {agreed} equal to ours").format(ran=opinion.adapted, agreed=opinion.agreed),
        *opinion.disagreements,
        _("checkov's own: {passed} passed, {failed} failed").format(passed=opinion.own_passed, failed=len(opinion.own)),
        *opinion.own,
    ]


def ask(graph: Graph, model: Model) -> Opinion:
    """Runs checkov on the plan and holds its answers against ours."""
    with tempfile.TemporaryDirectory(prefix="socle-checkov-") as name:
        folder = Path(name)
        table = write(folder, graph, model)
        answer = _run(folder)
        ran = set((folder / "ran").read_text(encoding="utf-8").split("\n")) - {""}
    _guard(ran, table)
    return _compared(answer, table)


def write(folder: Path, graph: Graph, model: Model) -> Mapping[str, Any]:
    """`plan.json`, `verdicts.json` and the folder `checks`; gives the table of verdicts."""
    addresses = {one.name: terraform.address(graph, one) for one in graph if one.type in terraform.TYPES}
    types = {terraform.address(graph, one): terraform.TYPES[one.type] for one in graph if one.type in terraform.TYPES}
    table: dict[str, Any] = {"checks": [], "verdicts": {}}
    for control, findings in _by_control(model):
        verdicts: dict[str, str] = {}
        for finding in findings:
            if address := addresses.get(finding.subject):
                verdicts[address] = _worse(verdicts.get(address), finding)
        if verdicts:
            check = PREFIX + control.replace("-", "_")
            kinds = sorted({types[address] for address in verdicts})
            title = catalogue()[control].requirement
            table["checks"].append({"id": check, "name": title, "resources": kinds})
            table["verdicts"][check] = verdicts
    checks = folder / "checks"
    checks.mkdir()
    (checks / "__init__.py").write_text("", encoding="utf-8")  # without it checkov loads nothing, and says nothing
    (checks / "adapted.py").write_text(CHECKS, encoding="utf-8")
    (folder / "plan.json").write_text(json.dumps(terraform.plan(graph)), encoding="utf-8")
    (folder / "verdicts.json").write_text(json.dumps(table), encoding="utf-8")
    (folder / "ran").touch()
    return table


def command(folder: Path) -> list[str]:
    """checkov on a written folder, offline."""
    program = os.environ.get("SOCLE_CHECKOV") or shutil.which("checkov")
    if not program:
        raise MachineError(
            "SOC-3301", "checkov is not installed", hint=_("make checkov, then SOCLE_CHECKOV=.venv-checkov/bin/checkov")
        )
    checks = str(folder / "checks")
    plan = str(folder / "plan.json")
    return [program, "-f", plan, "--external-checks-dir", checks, "--skip-download", "-o", "json"]


def environment(folder: Path) -> dict[str, str]:
    own = {"SOCLE_VERDICTS": str(folder / "verdicts.json"), "SOCLE_RAN": str(folder / "ran")}
    return {**os.environ, **own, "BC_SKIP_MAPPING": "TRUE"}


def _run(folder: Path) -> Any:
    done = subprocess.run(
        [*command(folder), "--soft-fail"], env=environment(folder), capture_output=True, text=True, check=False
    )
    if done.returncode or "Traceback" in done.stderr:
        raise MachineError("SOC-3301", "checkov could not run", hint="\n".join(done.stderr.splitlines()[-3:]))
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise MachineError("SOC-3301", "checkov's answer is not JSON", hint=done.stdout[:200]) from None
    return answer[0] if isinstance(answer, list) else answer


def _by_control(model: Model) -> Iterator[tuple[str, list[Finding]]]:
    for one in rules():
        if one.phase == "plan":
            yield one.control, list(evaluate(model, [one], ("plan",)))


def _worse(known: str | None, finding: Finding) -> str:
    order = [Status.FAILED.value, Status.UNKNOWN.value, Status.PASSED.value, Status.NOT_APPLICABLE.value]
    said = finding.status.value
    return said if known is None or order.index(said) < order.index(known) else known


def _guard(ran: set[str], table: Mapping[str, Any]) -> None:
    wanted = {f"{check} {address}" for check, verdicts in table["verdicts"].items() for address in verdicts}
    if missing := sorted(wanted - ran):
        raise MachineError(
            "SOC-3301", "checkov did not run every rule, missing: {count}", hint=missing[0], count=len(missing)
        )


def _compared(answer: Any, table: Mapping[str, Any]) -> Opinion:
    results = answer["results"]
    said = {
        (row["check_id"], row["resource"]): verdict
        for verdict, rows in (("passed", results["passed_checks"]), ("failed", results["failed_checks"]))
        for row in rows
    }
    ours = {
        (check, address): verdict
        for check, verdicts in table["verdicts"].items()
        for address, verdict in verdicts.items()
        if verdict in ("passed", "failed")
    }
    theirs = {key: verdict for key, verdict in said.items() if key[0].startswith(PREFIX)}
    wrong = [f"{c} {a}: {ours.get((c, a))} / {theirs.get((c, a))}" for c, a in sorted(ours.keys() | theirs.keys())
             if ours.get((c, a)) != theirs.get((c, a))]  # fmt: skip
    own = [f"{c} {a}" for (c, a), verdict in said.items() if verdict == "failed" and not c.startswith(PREFIX)]
    passes = sum(1 for (c, _a), verdict in said.items() if verdict == "passed" and not c.startswith(PREFIX))
    return Opinion(len(ours), len(ours.keys() & theirs.keys()) - len(wrong), tuple(wrong), tuple(own), passes)


def main() -> int:
    try:
        sys.stdout.write("\n".join(second_opinion(sys.argv[1])) + "\n")
    except SocleError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
