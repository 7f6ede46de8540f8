"""Backups of the database as they are configured: STO-10, STO-11."""

from __future__ import annotations

import re
from collections.abc import Mapping

from policies import targets
from policies.formats import last, pairs, sections
from socle.policy.model import Model
from socle.policy.mutation import in_file
from socle.policy.outcome import Outcome, failed, judged, not_applicable, unknown
from socle.policy.rule import rule
from socle.topology.tiers import has_role

TIER = "database"
BACKUP, SERVER, TIMER = "pgbackrest.conf", "patroni/postgresql.conf", "database-backup-diff.timer"


def _nothing_to_judge(model: Model, wanted: str) -> Outcome | None:
    """What is to be said where the stack has no database, or no place for its backups."""
    if model.tier(TIER) is None:
        return not_applicable("no database is deployed")
    store = model.topology.store
    if store is None:
        return unknown(
            "no backup: the cloud has no object store, and the stack has left out nodes for one",
            settled_in="process",
            expected=wanted,
        )
    if store.owner == "stack" and not has_role("objects"):
        return unknown(
            "no backup yet: it goes to the stack's own object store, and its nodes have no role",
            settled_in="process",
            expected=wanted,
        )
    return None


def _options(model: Model) -> Mapping[str, tuple[str, ...]]:
    return sections(model.file(TIER, BACKUP).text or "").get("global", {})


@rule(
    "STO-10",
    phase="config",
    on=targets.stack,
    key=("backup",),
    broken_by=in_file(TIER, SERVER, r"^archive_command = .*$", "archive_command = '/bin/true'"),
)
def the_database_is_backed_up(_stack: targets.Whole, model: Model) -> Outcome:
    """Write-ahead logs leave as they are written; a backup is made as often as the policy says, and kept as long."""
    backup = model.loaded.stack.backup
    wanted = f"every segment is archived, a backup each {min(backup.every_hours, 24)} h, kept {backup.keep_days} days"
    if said := _nothing_to_judge(model, wanted):
        return said
    server, timer = model.file(TIER, SERVER).text, model.file(TIER, TIMER).text
    if server is None or timer is None or model.file(TIER, BACKUP).text is None:
        return failed("not rendered", wanted)
    options, postgresql = _options(model), pairs(server, "=")
    command, archives = last(postgresql, "archive_command", ""), last(postgresql, "archive_mode", "off")
    kept = last(options, "repo1-retention-full", "for ever")
    hours = _hours(timer)
    problems = [
        *([] if archives == "on" and " archive-push " in command else [f"segments: {command or 'none'}"]),
        *([] if hours and hours <= backup.every_hours else [f"a backup each {hours or 'day that nobody says'} h"]),
        *([] if kept == str(backup.keep_days) else [f"kept {kept} days"]),
    ]
    return judged(not problems, problems or f"segments as they are written, backups each {hours} h", wanted)


def _hours(timer: str) -> int:
    """How often a timer of ours comes round; 0 where it does not say."""
    found = re.search(r"(?m)^OnCalendar=\*-\*-\* (\d+)(?:/(\d+))?:", timer)
    return int(found[2] or 24) if found else 0


@rule(
    "STO-11",
    phase="config",
    on=targets.stack,
    key=("backup",),
    broken_by=in_file(TIER, BACKUP, r"^repo1-cipher-type=.*$", "repo1-cipher-type=none"),
)
def backups_are_encrypted_before_they_leave(_stack: targets.Whole, model: Model) -> Outcome:
    wanted = (
        "encrypted on the node with a key of the stack's vault, over verified TLS, with a pair of keys of their own"
    )
    if said := _nothing_to_judge(model, wanted):
        return said
    if model.file(TIER, BACKUP).text is None:
        return failed("not rendered", wanted)
    options = _options(model)
    readers = {secret.name: secret.tiers for secret in model.topology.secrets}
    problems = [
        *([] if last(options, "repo1-cipher-type", "none") == "aes-256-cbc" else ["not encrypted"]),
        *([] if last(options, "repo1-cipher-pass", "") else ["no key"]),
        *([] if last(options, "repo1-storage-verify-tls", "y") == "y" else ["TLS not verified"]),
        *(f"{name} for {tier}" for name in ("backup_key", "backup_secret", "backup_cipher")
          for tier in readers.get(name, ()) if tier not in (TIER, "objects")),
    ]  # fmt: skip
    return judged(not problems, problems or "encrypted, over verified TLS", wanted)
