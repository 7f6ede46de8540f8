"""A wrong stack file gets one clear error, at its line and column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from socle.errors import InputError, StackErrors
from socle.stack import load_stack
from socle.stack.yaml_marks import parse

Writer = Callable[..., Path]


def refused(file: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_stack(str(file))
    return caught.value


def test_a_good_file_loads(stack_file: Writer) -> None:
    loaded = load_stack(str(stack_file()))
    assert loaded.name == "exemple"
    assert loaded.stack.people.seats == 5000
    assert loaded.cloud.region == "paris-1"


@pytest.mark.parametrize(
    ("changes", "code", "key", "hint"),
    [
        ({"availability": "two-zone"}, "SOC-1103", "availability", "did you mean two-zones?"),
        ({"peple": {}}, "SOC-1101", "peple", "did you mean people?"),
        ({"cloud": "secnum-pari"}, "SOC-1202", "cloud", "did you mean secnum-paris?"),
        ({"release": "2026.1"}, "SOC-1203", "release", "did you mean 2026.11?"),
        ({"release": 2026.11}, "SOC-1104", "release", 'release: "2026.11"'),
        ({"domain": "Visio"}, "SOC-1104", "domain", ""),
        ({"people": {"seats": 0, "peak_in_call": 0.1}}, "SOC-1105", "seats", "greater than or equal to 1"),
        ({"people": {"seats": 10, "peak_in_call": 0.1, "largest_room": 150}}, "SOC-1204", "largest_room", ""),
        ({"people": {"seats": "many", "peak_in_call": 0.1}}, "SOC-1104", "seats", "valid integer"),
        ({"network": {"cidr": "10.90.0.0/24"}}, "SOC-1208", "cidr", ""),
        ({"network": {"cidr": "11.0.0.0/19"}}, "SOC-1209", "cidr", ""),
        ({"network": {"cidr": "10.90.0.0/19", "ipv6": "2001:db8::/40"}}, "SOC-1208", "ipv6", ""),
        ({"network": {"cidr": "10.90.0.0/19", "ipv6": "fd00::/56"}}, "SOC-1231", "ipv6", "2001:db8::/40"),
        ({"network": {"cidr": "10.90.0.0/19", "ipv6": "10.90.0.0/19"}}, "SOC-1104", "ipv6", ""),
        ({"network": {"cidr": "10.90.0.1/20"}}, "SOC-1104", "cidr", ""),
        ({"access": {"from": ["10.90.3.0/28"]}}, "SOC-1201", "cidr", ""),
        ({"access": {"from": []}}, "SOC-1105", "from", ""),
        ({"identity": {"provider": "oidc"}}, "SOC-1207", "identity", ""),
    ],
)
def test_each_mistake_is_named_at_its_line(
    stack_file: Writer, changes: dict[str, object], code: str, key: str, hint: str
) -> None:
    file = stack_file(**changes)
    error = refused(file)
    assert error.code == code
    assert error.where is not None
    assert key in file.read_text().splitlines()[error.where.line - 1] or key == "identity"
    assert hint in error.hint


def test_a_missing_key_is_named(stack_file: Writer) -> None:
    error = refused(stack_file(domain=None))
    assert (error.code, error.message) == ("SOC-1102", "missing key: domain")


def test_every_mistake_is_told_at_once(stack_file: Writer) -> None:
    error = refused(stack_file(domain=None, availability="none", environment="prod"))
    assert isinstance(error, StackErrors)
    assert {one.code for one in error.errors} == {"SOC-1102", "SOC-1103"}
    assert len(error.errors) == 3


def test_line_and_column_are_those_of_the_value() -> None:
    document = parse("a: 1\nb:\n  - c: two\n", "x.yaml")
    assert str(document.mark(("b", 0, "c"))) == "x.yaml:3:8"
    assert str(document.mark(("b", 0, "c"), key=True)) == "x.yaml:3:5"


def test_duplicate_keys_are_refused(stack_file: Writer) -> None:
    error = refused(stack_file("domain: a.example\ndomain: b.example\n"))
    assert (error.code, error.where and error.where.line) == ("SOC-1003", 2)


def test_a_yaml_bomb_is_refused_quickly(stack_file: Writer) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert refused(stack_file("\n".join(lines))).code == "SOC-1004"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [1, 2\n", "SOC-1002"),
        ("- just\n- a list\n", "SOC-1005"),
        ("? [a, b]\n: c\n", "SOC-1002"),
        ("a: &x [*x]\n", "SOC-1004"),
        ("x: !!python/object:os.system echo\n", "SOC-1102"),
        ("#" * 300_000, "SOC-1004"),
    ],
)
def test_hostile_text_is_one_error(stack_file: Writer, text: str, code: str) -> None:
    assert refused(stack_file(text)).code == code


def test_an_unknown_stack_suggests_a_known_one() -> None:
    with pytest.raises(InputError) as caught:
        load_stack("dem")
    assert "did you mean demo?" in caught.value.hint
