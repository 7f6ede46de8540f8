"""Where a stack keeps objects, and who is handed the keys to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from policies.formats import sections
from socle.errors import NodeError
from socle.nodes import handed, render
from socle.policy.evaluate import evaluate
from socle.policy.outcome import Status
from socle.policy.rule import rules
from socle.stack import load_stack
from socle.stack.load import LoadedStack
from socle.topology import derive
from tests.models import intended, with_pairs

Write = Callable[..., Path]
PAIRS = """[default]
aws_access_key_id = objects-key
aws_secret_access_key = objects%secret
[backups]
aws_access_key_id = backup-key
aws_secret_access_key = backup-secret
"""


def given(loaded: LoadedStack, *names: str) -> list[str]:
    found = {secret.name: secret for secret in derive(loaded).secrets}
    return [handed.current_or_given(loaded, found[name], None) for name in names]


def test_the_cloud_s_store_is_reached_by_one_address_from_everywhere() -> None:
    lab, paris = derive(load_stack("twozones")), derive(load_stack("cnam"))
    assert lab.store
    assert paris.store
    assert (lab.store.owner, lab.store.address) == ("cloud", "https://cloud.socle.test:8080")
    assert paris.store.address == "https://s3.secnum-paris.example"
    for topology in (lab, paris):
        assert topology.flows.get("objects-inside").port == topology.flows.get("upstream-objects").port


def test_a_store_on_the_stack_s_own_nodes_has_keys_that_are_made_here() -> None:
    topology = derive(load_stack("armees"))
    assert topology.store
    assert topology.store.owner == "stack"
    kinds = {secret.kind for secret in topology.secrets if secret.name in ("backup_key", "backup_secret")}
    assert kinds == {"token"}
    assert not topology.containers


def test_keys_are_read_from_the_file_that_the_cloud_file_names(tmp_path: Path) -> None:
    file = tmp_path / "pairs"
    file.write_text(PAIRS)
    loaded = with_pairs(load_stack("cnam"), file)
    assert given(loaded, "objects_key", "objects_secret") == ["objects-key", "objects%secret"]
    assert given(loaded, "backup_key", "backup_secret") == ["backup-key", "backup-secret"]
    file.write_text(PAIRS.partition("[backups]")[0])
    assert given(loaded, "backup_key") == ["objects-key"], "one pair is for both"


def test_keys_that_nobody_gave_are_asked_for_by_their_names(tmp_path: Path) -> None:
    for loaded in (with_pairs(load_stack("cnam"), None), with_pairs(load_stack("cnam"), tmp_path / "none")):
        with pytest.raises(NodeError) as refused:
            given(loaded, "backup_key")
        assert refused.value.code == "SOC-5214"
    broken = tmp_path / "broken"
    broken.write_text("no section\n")
    with pytest.raises(NodeError) as refused:
        given(with_pairs(load_stack("cnam"), broken), "backup_key")
    assert refused.value.code == "SOC-5215"


def test_a_backup_s_keys_are_the_database_s_alone() -> None:
    for stack in ("twozones", "cnam"):
        tiers = {secret.name: secret.tiers for secret in derive(load_stack(stack)).secrets}
        assert tiers["backup_key"] == tiers["backup_secret"] == tiers["backup_cipher"] == ("database",)
        assert "database" not in tiers.get("objects_secret", ())


@pytest.mark.parametrize(
    ("policy", "timer", "kept"),
    [({"every_hours": 6, "keep_days": 90}, "*-*-* 00/6:10:00", "90"), ({"every_hours": 24}, "*-*-* 03:10:00", "30")],
)
def test_backups_follow_the_policy(stack_file: Write, policy: dict[str, int], timer: str, kept: str) -> None:
    loaded = load_stack(str(stack_file(backup=policy)))
    files = render.render(loaded, derive(loaded))
    units = {name: sections(files["database", f"/etc/systemd/system/database-backup-{name}.timer"])["Timer"]
             for name in ("diff", "full")}  # fmt: skip
    assert units["diff"]["OnCalendar"] == (timer,)
    assert units["full"]["OnCalendar"] == ("Sun *-*-* 01:00:00",)
    options = sections(files["database", "/etc/pgbackrest.conf"])["global"]
    assert options["repo1-retention-full"] == (kept,)
    assert options["repo1-cipher-type"] == ("aes-256-cbc",)


def test_backups_that_have_no_place_are_unknown_and_never_pass() -> None:
    own = [one for one in rules() if one.control in ("STO-10", "STO-11") and one.phase == "config"]
    assert len(own) == 2
    assert {f.status for f in evaluate(intended("twozones"), own, ("config",))} == {Status.PASSED}
    assert {f.status for f in evaluate(intended("armees"), own, ("config",))} == {Status.UNKNOWN}


def test_a_feature_that_cannot_be_carried_is_unknown_and_never_passes() -> None:
    (own,) = [one for one in rules() if one.control == "APP-16"]
    model = intended("cnam")
    found = {f.subject: f.status for f in evaluate(model, [own], ("config",))}
    # nobody shows transcripts, and no number is called
    assert found == {"recording": Status.PASSED, "subtitles": Status.PASSED, "transcription": Status.UNKNOWN,
                     "telephony": Status.UNKNOWN}  # fmt: skip
    images = {name: image.model_copy(update={"digest": None}) for name, image in model.loaded.release.images.items()}
    loaded = replace(model.loaded, release=model.loaded.release.model_copy(update={"images": images}))
    found = {f.subject: f.status for f in evaluate(replace(model, loaded=loaded), [own], ("config",))}
    assert set(found.values()) == {Status.UNKNOWN}
