"""What the ministry asks of data that it keeps: MIN-01, MIN-02."""

from __future__ import annotations

from policies import targets
from socle.graph import Resource
from socle.graph.model import VOLUME
from socle.policy.model import Model
from socle.policy.mutation import inputs, on_resource, on_stack
from socle.policy.outcome import Outcome, judged
from socle.policy.rule import rule

DAYS = 365
LARGEST = 2048  # GiB


@rule(
    "MIN-01",
    phase="spec",
    on=targets.stack,
    broken_by=on_stack("retention.recordings", DAYS + 1),
    key=("retention", "recordings"),
)
def recordings_go_in_time(_stack: targets.Whole, model: Model) -> Outcome:
    days = model.loaded.stack.retention.recordings
    return judged(days <= DAYS, f"{days} days", f"{DAYS} days or less")


@rule("MIN-02", phase="plan", on=VOLUME, broken_by=on_resource(VOLUME, inputs(size=LARGEST + 1)))
def a_volume_is_restored_in_time(volume: Resource, _model: Model) -> Outcome:
    size = volume.get("size")
    return judged(isinstance(size, int | float) and size <= LARGEST, f"{size} GiB", f"{LARGEST} GiB at most")
