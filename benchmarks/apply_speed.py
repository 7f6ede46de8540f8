"""The cloud half of `socle up` in the embedded cloud: preview, apply, apply again, destroy, with where the time went.

Needs the lab up. Deploys a stack of its own, the demonstration's under another name, address block and domain, with
state of its own, and takes it away at the end.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import timeline, variables
from benchmarks.timeline import Span
from socle.errors import SocleError
from socle.table import table

Answer = TypeVar("Answer")
NAME = "bench"
OWN = {"domain: visio.demo.example": "domain: visio.bench.example", "cidr: 10.64.0.0/19": "cidr: 10.230.0.0/19"}


def why_not() -> str:
    """The reason why it cannot be measured here, or nothing."""
    from socle.lab import world

    if os.geteuid() != 0:
        return "it needs root"
    return "" if world.pid() else "the lab is down: socle lab up"


def stack_file(folder: Path) -> Path:
    """The demonstration's stack file, made another stack."""
    text = (Path(__file__).parent.parent / "stacks" / "demo.yaml").read_text(encoding="utf-8")
    for theirs, own in OWN.items():
        if text.count(theirs) != 1:
            raise SystemExit(f"stacks/demo.yaml has not once: {theirs}")
        text = text.replace(theirs, own)
    folder.mkdir(parents=True)
    file = folder / f"{NAME}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


class Watched:
    """What the engine's events said during one step: spans of its operations, and the step's own."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.began = self.ended = 0.0

    def listener(self, base: type[Any]) -> type[Any]:
        """The engine's listener, which also keeps the time of every operation."""
        spans = self.spans

        class Timed(base):  # type: ignore[misc]
            def __call__(self, event: Any) -> None:
                if before := event.resource_pre_event:
                    self.open = {**getattr(self, "open", {}), before.metadata.urn: time.monotonic()}
                elif (done := event.res_outputs_event or event.res_op_failed_event) and hasattr(self, "open"):
                    kind, op = done.metadata.type, str(done.metadata.op.value)
                    since = self.open.get(done.metadata.urn)
                    if since is not None and kind.startswith("openstack:"):
                        spans.append(Span(f"{op} {kind.rpartition(':')[2]}", since, time.monotonic()))
                super().__call__(event)

        return Timed

    def run(self, step: Callable[[], Answer]) -> Answer:
        from socle.engine import deploy

        base = deploy.Listener
        deploy.Listener = self.listener(base)  # type: ignore[misc]
        self.began = time.monotonic()
        try:
            return step()
        finally:
            self.ended = time.monotonic()
            deploy.Listener = base  # type: ignore[misc]

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    def lines(self, what: str) -> Iterator[str]:
        yield f"{what}: {self.seconds:.1f} s"
        yield table(timeline.HEAD, list(timeline.rows(self.spans, self.began, self.ended)))
        yield ""


def report(*, apply: bool = True) -> str:
    """The tables, or why there are none. `apply=False`: the preview alone, which changes nothing."""
    if reason := why_not():
        return f"preview and apply are not measured: {reason}"
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as name:
        folder = Path(name)
        file = stack_file(folder / "stacks")
        with variables.given(SOCLE_STATE=str(folder / "state"), SOCLE_STACKS=str(file.parent)):
            return "\n".join(_measured(apply))


def _measured(apply: bool) -> Iterator[str]:
    from socle.cli.plan import judged, settings
    from socle.engine import flow

    judging, opening, previewing, applying, again, destroying = (Watched() for _ in range(6))
    case = judging.run(lambda: judged(NAME))
    ready = opening.run(lambda: flow.prepare(case, settings(case)))
    try:
        deployment = flow.recovered(ready)
        yield f"stack {NAME}, resources and components: {len(case.names)}"
        yield f"judged, from memory or not: {judging.seconds:.1f} s; engine and cloud opened: {opening.seconds:.1f} s\n"
        made, refusal = None, ""
        try:
            made, _seen = previewing.run(lambda: flow.planned(ready, deployment))
        except SocleError as error:  # the quota of a lab where other stacks are
            refusal = f"{error.code}: {error.message}"
        yield from previewing.lines("preview (socle plan)")
        if made is None:
            yield f"apply is not measured: {refusal}"
        elif apply:
            print("applying, some minutes", file=sys.stderr)
            planned = made
            applying.run(lambda: flow.apply(ready, deployment, planned))
            yield from applying.lines("apply, the cloud half (socle up --cloud-only)")
            again.run(lambda: flow.planned(ready, flow.recovered(ready)))
            yield from again.lines("preview of what is there already, every resource read again")
            destroying.run(lambda: flow.destroy(ready))
            yield from destroying.lines("destroy (socle down)")
    finally:
        if apply:  # whatever a run that was cut short left
            flow.destroy(ready)
        flow.forget(ready)


if __name__ == "__main__":
    print(report(apply="--preview" not in sys.argv))
