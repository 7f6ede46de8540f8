"""What must hold for the comparison of any two stacks."""

from __future__ import annotations

import html.parser
import json
import re
from collections import Counter
from functools import cache
from itertools import product
from typing import Any

import pytest

from socle import sides
from socle.compare import Difference
from socle.report import difference as report
from socle.report import merge_request
from tests.conftest import STACKS

PAIRS = list(product(STACKS, repeat=2))
TWO = [(a, b) for a, b in PAIRS if a != b]
read = cache(sides.read)
pytestmark = [
    pytest.mark.xdist_group("comparisons"),  # one worker: each pair is compared once
    pytest.mark.usefixtures("graphs"),
]


@cache
def difference(old: str, new: str) -> Difference:
    return sides.between(read(old), read(new))


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_does_not_differ_from_itself(stack: str) -> None:
    found = difference(stack, stack)
    assert not found
    assert found.resources.same
    assert report.document(found)["same"] is True


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_from_the_other_side_it_is_the_same_mirrored(old: str, new: str) -> None:
    assert difference(old, new).mirrored() == difference(new, old)
    assert difference(old, new).mirrored().mirrored() == difference(old, new)


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_every_resource_is_accounted_for_exactly_once(old: str, new: str) -> None:
    found = difference(old, new).resources
    changed = [(one.type, one.name) for one in found.changed]
    for stack, own in ((old, found.removed), (new, found.added)):
        told = [*own, *changed, *found.same]
        assert len(told) == len(set(told))
        assert Counter(type_ for type_, _ in told) == Counter(one.type for one in read(stack).model.plan)
        if old == new:
            assert set(told) == {(one.type, one.name) for one in read(stack).model.plan}


@pytest.mark.parametrize(("old", "new"), TWO)
def test_names_and_addresses_of_two_stacks_do_not_hide_the_rest(old: str, new: str) -> None:
    """Of resources that both have, none differs by what is each stack's own; fewer nodes are fewer, not others."""
    found = difference(old, new)
    told = json.dumps({key: report.document(found)[key] for key in ("topology", "flows", "resources")})
    for stack in (old, new):
        mine = read(stack).loaded.stack
        for own in (stack, mine.organisation, mine.domain, str(mine.network.cidr.network_address)):
            assert not re.search(rf"\b{re.escape(own)}\b", told), own
    instances = [
        name for type_, name in (*found.resources.added, *found.resources.removed) if type_.endswith("Instance")
    ]
    counts = [Counter(node.tier for node in read(stack).model.topology.nodes) for stack in (old, new)]
    assert len(instances) == sum(((counts[0] - counts[1]) + (counts[1] - counts[0])).values())


@pytest.mark.parametrize(("old", "new"), TWO)
def test_no_value_of_the_intent_is_lost(old: str, new: str) -> None:
    """Laid over the old file, the changes make the new one."""

    def flat(value: Any, key: str = "") -> dict[str, object]:
        if isinstance(value, dict):
            parts = [flat(one, f"{key}.{name}") for name, one in value.items()]
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            parts = [flat(one, f"{key}[{place}]") for place, one in enumerate(value)]
        else:
            return {key.removeprefix("."): value} if value is not None else {}
        return {name: one for part in parts for name, one in part.items()}

    def of(stack: str) -> dict[str, object]:
        return flat(read(stack).loaded.stack.model_dump(mode="json", by_alias=True))

    changed = {one.key: one.new for one in difference(old, new).intent if one.part == "stack"}
    laid = {key: value for key, value in {**of(old), **changed}.items() if value is not None}
    assert laid == of(new)


@pytest.mark.parametrize(("old", "new"), TWO)
def test_every_change_of_the_intent_has_its_line(old: str, new: str) -> None:
    for one in difference(old, new).intent:
        if one.part != "stack":
            continue
        for stack, at, value in ((old, one.old_at, one.old), (new, one.new_at, one.new)):
            if at is not None and value is not None:
                line = read(stack).loaded.file.read_text(encoding="utf-8").splitlines()[at.line - 1]
                assert one.key.rpartition(".")[2] in line


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_a_merge_request_can_show_it(old: str, new: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_LANG", language)
    found = difference(old, new)
    text = merge_request.text(found)
    assert len(text) < 60_000  # GitHub takes 65,536 characters, GitLab a million
    tags = Tags()
    tags.feed(re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text))
    assert not tags.open
    assert set(tags.seen) <= {"details", "summary"}
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.split(r"(?<!\\)\|", row)) for row in block.splitlines()}) == 1, block
    for one in found.intent:
        assert f"`{one.key}`" in text


@pytest.mark.parametrize(("old", "new"), TWO)
def test_a_terminal_shows_every_level_and_key(old: str, new: str) -> None:
    found = difference(old, new)
    text = "\n".join(report.lines(found))
    assert all(level in text for level in ("INTENT", "TOPOLOGY", "FLOWS", "RESOURCES", "VERDICT"))
    words = [one.key for one in found.intent] + [one.subject for one in (*found.topology, *found.verdict)]
    assert all(word in text for word in words)
    assert all(one.flow in text and one.remote in text for one in found.flows)
