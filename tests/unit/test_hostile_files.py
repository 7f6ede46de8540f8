"""Each class of input that a generated file once broke on: now one error, at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from socle import assess
from socle.errors import InputError, StackErrors
from socle.policy.waiver import load_waivers
from socle.stack import load_stack
from socle.stack.explain import SHOWN
from socle.stack.yaml_marks import parse
from tests.conftest import ROOT

Writer = Callable[..., Path]


def refused(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(text, "x.yaml")
    return caught.value


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, object]], Path]:
    """Writes a shipped cloud or release file with some keys changed, where it hides the shipped one."""
    monkeypatch.setenv("SOCLE_STACKS", str(tmp_path))

    def write(name: str, changes: dict[str, object]) -> Path:
        data = yaml.safe_load((ROOT / "stacks" / name).read_text(encoding="utf-8"))
        data = {key: value for key, value in {**data, **changes}.items() if value is not None}
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return file

    return write


def refused_stack(file: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_stack(str(file))
    return caught.value


def line_of(error: InputError) -> str:
    assert error.where is not None
    return Path(error.where.file).read_text(encoding="utf-8").splitlines()[error.where.line - 1]


# --- YAML -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[" * 120_000, "{a: " * 60_000, "- " * 120_000, "? " * 120_000, "a: [" * 60_000])
def test_depth_is_refused_before_it_overruns_the_parser(text: str) -> None:
    assert refused(text).code == "SOC-1004"


@pytest.mark.parametrize("scalar", ["!!bool maybe", '!!int ""', "!!int x", "!!float x"])
def test_a_tag_that_does_not_fit_its_text(scalar: str) -> None:
    error = refused(f"a: 1\nb: {scalar}\n")
    assert (error.code, str(error.where)) == ("SOC-1002", "x.yaml:2:4")


@pytest.mark.parametrize("digits", ["1" * 5000, "0x" + "f" * 5000, "1:" * 2000 + "1"])
def test_a_number_that_nobody_prints_is_text(digits: str) -> None:
    assert parse(f"a: {digits}", "x.yaml").data == {"a": digits}


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\x1b", "\x00", "\u200b", "\ufeff"])
@pytest.mark.parametrize(
    ("text", "place"),
    [("a: 1\nb: x{}\n", "x.yaml:2:5"), ("a: 1\n{}: 2\n", "x.yaml:2:1"), ("a: 1 # {}\n", "x.yaml:1:8")],
)
def test_what_cannot_be_seen_is_refused_where_it_is(text: str, place: str, character: str) -> None:
    error = refused(text.format(character))
    assert (error.code, str(error.where)) == ("SOC-1006", place)
    assert f"U+{ord(character):04X}" in error.message


@pytest.mark.parametrize("escape", [r"\0", r"\e", r"\u202e", r"\x7f"])
def test_nor_can_it_be_written_as_an_escape(escape: str) -> None:
    assert refused(f'a: "x{escape}"').code == refused(f'"x{escape}": 1').code == "SOC-1006"


def test_what_can_be_seen_is_not_refused() -> None:
    said = {"a": "Ministère 🇫🇷 👩‍👩‍👧 وزارة", "b": "two\nlines\tand a tab"}
    assert parse(yaml.safe_dump(said, allow_unicode=True), "x.yaml").data == said


def test_a_byte_order_mark_begins_many_a_file(stack_file: Writer) -> None:
    file = stack_file()
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load_stack(str(file)).stack.domain == "visio.exemple.example"


@pytest.mark.parametrize("text", ["a: 1\nb", "a: [1,\n", "---", "a:", "a: &x", "\n\n- [\n"])
def test_an_error_at_the_end_is_inside_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "exemple.yaml").write_text(text)
    error = refused_stack(tmp_path / "exemple.yaml")
    lines = text.split("\n")
    for one in error.errors if isinstance(error, StackErrors) else [error]:
        assert one.where is not None
        assert one.where.line <= len(lines)
        assert one.where.column <= len(lines[one.where.line - 1]) + 1


def test_a_text_that_aliases_repeat_counts_each_time() -> None:
    text = f"a: &a '{'x' * 180_000}'\nb: [{', '.join(['*a'] * 12_000)}]"
    assert refused(text).code == "SOC-1004"


# --- what errors repeat -----------------------------------------------------------------------------------------------


def test_an_error_is_one_line_whatever_it_quotes(stack_file: Writer) -> None:
    lines = refused_stack(stack_file(cloud="a\nb: SOC-0000: c\rd\te")).lines()
    assert lines[0].endswith(r"unknown cloud: a\nb: SOC-0000: c\rd\te")


def test_a_long_value_is_not_repeated_whole(stack_file: Writer) -> None:
    for changes in (
        {"cloud": "x" * 5000},
        {"environment": "x" * 5000},
        {"x" * 5000: 1},
        {"access": {"from": 1000 * [7]}},
    ):
        assert all(len(line) < 600 for line in refused_stack(stack_file(**changes)).lines())


def test_a_file_of_mistakes_is_told_in_part(stack_file: Writer) -> None:
    error = refused_stack(stack_file(**{f"key{number}": 1 for number in range(SHOWN + 7)}))
    assert isinstance(error, StackErrors)
    assert len(error.errors) == SHOWN
    assert error.lines()[-1].endswith(": 7")


@pytest.mark.parametrize(
    ("path", "key", "hint"),
    [
        ("clouds/secnum-paris.yaml", {"flavours": {"s": {"vcpu": 2, "vcpus": 2, "memory": 4, "disk": 2}}}, "vcpus?"),
        (
            "clouds/secnum-paris.yaml",
            {"certificates": {"issuer": {"kye": "x", "key": "x", "certificate": "x"}}},
            "key?",
        ),
        (
            "releases/2026.11.yaml",
            {"images": {"livekit": {"reference": "r", "version": "1", "digets": "x"}}},
            "digest?",
        ),
    ],
)
def test_keys_are_suggested_inside_mappings_too(
    stack_file: Writer, content: Writer, path: str, key: dict[str, object], hint: str
) -> None:
    content(path, key)
    assert f"did you mean {hint}" in refused_stack(stack_file()).hint


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "key"),
    [
        ({"access": {"from": ["192.0.2.0/28", "192.0.2.0/28"]}}, "SOC-1104", "192.0.2.0/28"),
        ({"access": {"from": [5]}}, "SOC-1104", "5"),
        ({"access": {"from": [True]}}, "SOC-1104", "true"),
        ({"access": {"from": [["192.0.2.0", 28]]}}, "SOC-1104", "192"),
        ({"people": {"seats": 10, "peak_in_call": float("nan")}}, "SOC-1104", "nan"),
        ({"people": {"seats": float("inf"), "peak_in_call": 0.1}}, "SOC-1104", "inf"),
        ({"organisation": "two\nlines"}, "SOC-1104", "organisation"),
        ({"cloud": "../clouds/lab"}, "SOC-1202", "cloud"),
        ({"cloud": "/etc/passwd"}, "SOC-1202", "cloud"),
        ({"cloud": "x" * 5000}, "SOC-1202", "cloud"),
        ({"release": ""}, "SOC-1203", "release"),
        ({"identity": {"provider": "oidc", "issuer": "https://["}}, "SOC-1104", "issuer"),
        ({"network": {"cidr": "127.0.0.0/16"}}, "SOC-1209", "cidr"),
        ({"network": {"cidr": "169.254.0.0/16"}}, "SOC-1209", "cidr"),
        ({"network": {"cidr": "240.0.0.0/16"}}, "SOC-1209", "cidr"),
    ],
)
def test_values_of_a_stack(stack_file: Writer, changes: dict[str, object], code: str, key: str) -> None:
    error = refused_stack(stack_file(**changes))
    assert error.code == code
    assert key in line_of(error)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"zones": ["paris-1a", "paris-1a"]}, "paris-1a"),
        ({"zones": ["a zone", "paris-1b"]}, "a zone"),
        ({"zones": ["a" * 60, "paris-1b"]}, "aaa"),
        ({"auth_url": "https://["}, "auth_url"),
        ({"auth_url": "https://"}, "auth_url"),
        ({"auth_url": "https://user:secret@host"}, "auth_url"),
        ({"auth_url": "https://host:70000"}, "auth_url"),
        ({"region": "two\nlines"}, "region"),
        ({"flavours": {"big": {"vcpus": 64, "memory": float("inf"), "disk": 40}}}, "memory"),
        ({"qualification": {"scheme": "SecNumCloud 3.2", "until": 20271231}}, "until"),
    ],
)
def test_values_of_a_cloud(stack_file: Writer, content: Writer, changes: dict[str, object], key: str) -> None:
    file = content("clouds/secnum-paris.yaml", changes)
    error = refused_stack(stack_file())
    assert error.code == "SOC-1104"
    assert error.where is not None and Path(error.where.file) == file
    assert key in line_of(error)


@pytest.mark.parametrize("size", [{"vcpus": 10**6}, {"memory": 1.7e305}, {"disk": 10**9}])
def test_a_flavour_is_no_larger_than_a_machine(stack_file: Writer, content: Writer, size: dict[str, float]) -> None:
    content("clouds/secnum-paris.yaml", {"flavours": {"big": {"vcpus": 64, "memory": 256, "disk": 40, **size}}})
    error = refused_stack(stack_file())
    assert error.code == "SOC-1105"
    assert next(iter(size)) in line_of(error)


def test_an_object_store_that_nobody_can_find(stack_file: Writer, content: Writer) -> None:
    around = yaml.safe_load((ROOT / "stacks/clouds/secnum-paris.yaml").read_text(encoding="utf-8"))["surroundings"]
    content("clouds/secnum-paris.yaml", {"surroundings": {k: v for k, v in around.items() if k != "objects"}})
    error = refused_stack(stack_file())
    assert (error.code, line_of(error)) == ("SOC-1224", "cloud: secnum-paris")


def test_a_release_without_what_the_nodes_run(stack_file: Writer, content: Writer) -> None:
    content("releases/2026.11.yaml", {"images": {}})
    error = refused_stack(stack_file())
    assert (error.code, line_of(error)) == ("SOC-1211", "release: '2026.11'")


def test_the_end_of_a_release_s_support_is_a_day(stack_file: Writer, content: Writer) -> None:
    content("releases/2026.11.yaml", {"supported_until": "some day"})
    assert "some day" in line_of(refused_stack(stack_file()))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- a list\n", "SOC-1005"),
        ("images: 7\n", "SOC-1104"),
        ("images: {livekit: {}}\n", "SOC-1102"),
        ("[", "SOC-1002"),
    ],
)
def test_an_overlay_is_judged_like_a_release(
    stack_file: Writer, content: Writer, tmp_path: Path, text: str, code: str
) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(text)
    content("clouds/secnum-paris.yaml", {"release_overlay": str(overlay)})
    error = refused_stack(stack_file())
    assert error.code == code
    assert error.where is not None and Path(error.where.file) == overlay


def test_an_overlay_that_no_file_system_can_name(stack_file: Writer, content: Writer) -> None:
    file = content("clouds/secnum-paris.yaml", {"release_overlay": "x" * 5000})
    error = refused_stack(stack_file())
    assert error.where is not None and Path(error.where.file) == file
    assert line_of(error).startswith("release_overlay")


def test_a_waiver_s_last_day_is_no_number(content: Writer, tmp_path: Path) -> None:
    file = content("waivers/release-2026.11.yaml", {})
    file.write_text(file.read_text().replace("2027-06-30", "20270630"))
    with pytest.raises(InputError) as caught:
        load_waivers("cnrs", ["cnrs", "cnam", "dgfip", "armees"])
    assert "20270630" in line_of(caught.value)


# --- neighbours -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "network: a text\nenvironment: production\ncloud: secnum-paris\n",
        "environment: production\ncloud: [a, list]\n",
        f"environment: production\ncloud: {'x' * 5000}\n",
        "environment: production\ncloud: ../../etc/passwd\n",
        "a: 2026-13-45\n",
        "[" * 120_000,
        "a: !!bool maybe\n",
    ],
)
def test_a_broken_file_beside_it_does_not_stop_a_stack(stack_file: Writer, text: str) -> None:
    file = stack_file()
    file.with_name("beside.yaml").write_text(text)
    names = {one.name for one in assess.neighbours(load_stack(str(file)))}
    assert names >= {"cnrs", "demo"}
