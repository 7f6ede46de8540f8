"""A newcomer finds a rule of ANSSI-BP-028: the page, the base role's lists and its templates name the same ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

BASE = ROOT / "playbooks" / "roles" / "base"
LISTS = {file.stem: file for file in sorted(BASE.glob("vars/main/*.yml"))}
ROW = re.compile(r"^\| (R\d+) \| (\w+) \| [^|]+ \| ([^|]+) \| ([^|]*)\|$", re.M)
NUMBER = re.compile(r"\bR(\d+)\b")
RANGE = re.compile(r"\bR(\d+) to R(\d+)\b")
PAGE = ROW.findall((ROOT / "docs" / "hardening.md").read_text())


def numbers(text: str) -> set[str]:
    spans = {f"R{n}" for first, last in RANGE.findall(text) for n in range(int(first), int(last) + 1)}
    return spans | {f"R{n}" for n in NUMBER.findall(text)}


def comments(file: Path) -> str:
    """A list's head, and what stands beside its lines."""
    return "\n".join(re.findall(r"#.*", file.read_text()))


def test_every_rule_of_the_guide_is_there_once() -> None:
    assert [rule for rule, *_ in PAGE] == [f"R{n}" for n in range(1, 81)]
    assert all(where.strip() != "-" or note.strip() for _rule, _level, where, note in PAGE), "where, or why not"


@pytest.mark.parametrize("name", sorted(set(LISTS) - {"units"}))
def test_the_page_leads_to_the_list_that_names_the_rule(name: str) -> None:
    named = numbers(comments(LISTS[name]))
    for rule, _level, where, _note in PAGE:
        if f"[{name}]" in where:
            assert rule in named, f"{rule} is not in {name}.yml"
            assert f"(../{LISTS[name].relative_to(ROOT)})" in where


def test_every_line_of_a_list_names_its_rule() -> None:
    """Beside it, on the comment above it, or in the head of its file."""
    for name, file in LISTS.items():
        head = file.read_text().split("\nbase_", 1)[0]
        for line in file.read_text().splitlines():
            if line.startswith("  - {path") and not numbers(line) and not numbers(head):
                raise AssertionError(f"{name}.yml: {line}")


def test_every_template_names_a_rule() -> None:
    data = {"authorized_keys.j2", "root-alone.j2", "debian.sources.j2", "sudo.logrotate.j2", "integrity.service.j2",
            "chrony-unit.conf.j2", "chrony.default.j2", "dpkg.cfg.j2", "nftables-unit.conf.j2", "issue.j2"}  # fmt: skip
    for template in BASE.glob("templates/*"):
        if template.name not in data:
            assert numbers(template.read_text()), template.name


def test_levels_are_the_guide_s() -> None:
    listed = yaml.safe_load((ROOT / "policies" / "catalogues" / "anssi-bp-028.yaml").read_text())["rules"]
    assert {rule: level for rule, level, *_ in PAGE} == {rule["id"]: rule["level"] for rule in listed}
