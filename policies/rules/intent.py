"""What the stack file promises about data beyond the machines: third parties, backups, retention."""

from __future__ import annotations

from collections.abc import Iterable

from policies import targets
from policies.territory import EU
from socle.policy.model import Model
from socle.policy.mutation import on_stack, together
from socle.policy.outcome import Outcome, judged, not_applicable
from socle.policy.rule import rule
from socle.stack.model import ThirdParty

MOST_HOURS = 24  # between two backups, so that the last one is never older than the 26 hours of the control
LEAST_LOG_DAYS = 180  # six months, the control's own

ELSEWHERE = ThirdParty(
    name="Elsewhere", hosts=["api.elsewhere.example"], purpose="Statistics on the usage", country="US",
    data=["metadata"], contract="none",
)  # fmt: skip


def _third_parties(model: Model) -> Iterable[ThirdParty]:
    return model.loaded.stack.third_parties


@rule(
    "GOV-04", phase="spec", on=_third_parties, key=("third_parties",), broken_by=on_stack("third_parties", [ELSEWHERE])
)
def third_parties_are_in_the_union(third: ThirdParty, model: Model) -> Outcome:
    index = model.loaded.stack.third_parties.index(third)
    seen = f"{third.name}, {third.country}: {', '.join(third.data)}"
    return judged(
        third.country in EU, seen, "established in the European Union", key=("third_parties", index, "country")
    )


@rule(
    "STO-10", phase="spec", on=targets.stack, key=("backup",), broken_by=on_stack("backup.every_hours", MOST_HOURS + 1)
)
def a_backup_every_day(_stack: targets.Whole, model: Model) -> Outcome:
    hours = model.loaded.stack.backup.every_hours
    key = ("backup", "every_hours")
    return judged(hours <= MOST_HOURS, f"every {hours} h", f"every {MOST_HOURS} h at most", key=key)


@rule(
    "STO-11",
    phase="spec",
    on=targets.stack,
    key=("backup",),
    broken_by=together(on_stack("backup.copy_to", "same-zone"), on_stack("data.media", "sensitive")),
)
def a_copy_somewhere_else(_stack: targets.Whole, model: Model) -> Outcome:
    if not targets.is_sensitive(model):
        return not_applicable("no data class of this stack asks for a copy elsewhere")
    place = model.loaded.stack.backup.copy_to
    return judged(place != "same-zone", place, "another zone or another region", key=("backup", "copy_to"))


@rule(
    "LOG-05",
    phase="spec",
    on=targets.stack,
    key=("retention",),
    broken_by=on_stack("retention.logs", LEAST_LOG_DAYS - 1),
)
def logs_are_kept_for_six_months(_stack: targets.Whole, model: Model) -> Outcome:
    days = model.loaded.stack.retention.logs
    wanted = f"{LEAST_LOG_DAYS} days at least"
    return judged(days >= LEAST_LOG_DAYS, f"{days} days", wanted, key=("retention", "logs"))
