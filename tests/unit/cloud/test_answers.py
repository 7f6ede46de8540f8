"""Whatever a cloud answers: asked again where that does no harm, else one error that says what and what next."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from socle import live
from socle.engine import access, inventory, preflight, quotas
from socle.engine.inventory import Thing
from socle.engine.patience import Patience
from socle.errors import CloudError
from socle.stack.load import LoadedStack
from socle.topology import derive
from tests.cloud import PROJECT, Answer, Clock, Cloud, error, refusal

if TYPE_CHECKING:
    from openstack.connection import Connection

TOKEN, SERVERS = "^POST /v3/auth/tokens$", "^GET /compute/v2.1/servers/detail$"
IMAGES, LIMITS = "^GET /image/v2/images$", "^GET /compute/v2.1/limits$"


def for_answer(patience: Patience, answer: Answer) -> Patience:
    """Silence is waited for in real time."""
    return replace(patience, answer=0.3) if answer.fault in ("silence", "stalled") else patience


# What a call gets each time -> the error's code, and how often the call is made (of four that patience allows).
OUTCOMES = [
    (error(403), "SOC-4121", 1),
    (error(404), "SOC-4122", 1),
    (error(404, "Could not find Application Credential: 7f3"), "SOC-4103", 1),
    (error(409), "SOC-4123", 1),
    (error(413), "SOC-4105", 1),
    (error(403, "Quota exceeded for cores: Requested 4"), "SOC-4105", 1),
    (error(400), "SOC-4109", 1),
    (error(501), "SOC-4125", 1),
    (error(429), "SOC-4124", 4),
    (error(429, Retry_After="90"), "SOC-4124", 1),
    (error(500), "SOC-4125", 4),
    (error(502), "SOC-4125", 4),
    (error(503), "SOC-4125", 4),
    (error(504), "SOC-4125", 4),
    (Answer(fault="reset"), "SOC-4102", 4),
    (Answer(body={"servers": []}, fault="cut"), "SOC-4110", 4),
    (Answer(body={"servers": []}, fault="garbled"), "SOC-4110", 4),
    (Answer(fault="silence"), "SOC-4126", 4),
    (Answer(body={"servers": []}, fault="stalled"), "SOC-4126", 4),
]


@pytest.mark.parametrize(("answer", "code", "times"), OUTCOMES, ids=str)
@pytest.mark.parametrize("call", [TOKEN, SERVERS], ids=["token", "servers"])
def test_a_call_that_fails_each_time(
    cloud: Cloud, loaded: LoadedStack, patience: Patience, call: str, answer: Answer, code: str, times: int
) -> None:
    cloud.script(call, answer, times=9)
    patience = for_answer(patience, answer)
    refused = refusal(lambda: inventory.everything(access.connect(loaded, patience)))
    assert (refused.code, cloud.count(call)) == (code, times)
    assert call.strip("^$").partition(" ")[2] in refused.message
    if answer.status >= 400:
        assert str(answer.status) in refused.hint and answer.body["fault"]["message"] in refused.hint


@pytest.mark.parametrize("answer", [one for one, _code, times in OUTCOMES if times > 1], ids=str)
@pytest.mark.parametrize("call", [TOKEN, SERVERS, "^GET /compute/v2.1$"], ids=["token", "servers", "versions"])
def test_a_call_that_works_in_the_end(
    cloud: Cloud, loaded: LoadedStack, patience: Patience, clock: Clock, call: str, answer: Answer
) -> None:
    cloud.usual(SERVERS, {"servers": [{"id": "s", "name": "exemple-media-1"}]})
    cloud.script(call, answer, answer)
    things = inventory.everything(access.connect(loaded, for_answer(patience, answer)))
    assert [thing.name for thing in things] == ["exemple-media-1"]
    assert clock.slept[:2] == [1, 2] or call.endswith("v2.1$")  # versions are asked by several at once


@pytest.mark.parametrize("answer", [error(503), Answer(body={}, fault="garbled")], ids=str)
def test_a_service_that_cannot_say_its_versions(cloud: Cloud, connection: Connection, answer: Answer) -> None:
    """The SDK would go on without, and say that the service has no version that it supports."""
    cloud.usual("^GET /compute", None)
    cloud.script("^GET /compute/v2.1$", answer, times=99)
    refused = refusal(lambda: inventory.everything(connection))
    assert refused.code in ("SOC-4110", "SOC-4125")
    assert refused.message.endswith("/compute/v2.1")
    assert cloud.count(SERVERS) == 0


def test_credentials_that_are_refused_are_not_tried_again(
    cloud: Cloud, loaded: LoadedStack, patience: Patience
) -> None:
    cloud.script(TOKEN, error(401), times=9)
    assert refusal(lambda: access.connect(loaded, patience)).code == "SOC-4103"
    assert cloud.count(TOKEN) == 1


def test_a_token_that_ran_out_is_renewed_once(cloud: Cloud, connection: Connection) -> None:
    cloud.script(SERVERS, error(401))
    inventory.everything(connection)
    assert (cloud.count(SERVERS), cloud.count(TOKEN)) == (2, 2)
    cloud.script(SERVERS, error(401), times=9)
    assert refusal(lambda: inventory.everything(connection)).code == "SOC-4103"
    assert cloud.count(SERVERS) == 4


# --- waiting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "slept"), [("7", 7), ("0", 1), ("soon", 1), ("", 1), ("-3", 1), ("60", 60)])
def test_the_pause_that_a_cloud_asks_for(
    cloud: Cloud, connection: Connection, clock: Clock, asked: str, slept: float
) -> None:
    cloud.script(SERVERS, error(503, Retry_After=asked))
    inventory.everything(connection)
    assert clock.slept == [slept]


def test_a_pause_until_a_moment(cloud: Cloud, connection: Connection, clock: Clock) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=30)
    cloud.script(SERVERS, error(429, Retry_After=format_datetime(moment, usegmt=True)))
    inventory.everything(connection)
    assert 25 < clock.slept[0] <= 30


def test_all_pauses_together_have_an_end(cloud: Cloud, loaded: LoadedStack, patience: Patience, clock: Clock) -> None:
    connection = access.connect(loaded, replace(patience, pauses=(1,) * 100))
    cloud.script(SERVERS, error(429, Retry_After="50"), times=99)
    assert refusal(lambda: inventory.everything(connection)).code == "SOC-4124"
    assert clock.seconds <= patience.total


def test_a_long_pause_is_said(cloud: Cloud, connection: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.script(SERVERS, error(503), error(503, Retry_After="20"))
    inventory.everything(connection)
    said = capsys.readouterr().err
    assert "20 s" in said and "servers/detail" in said
    assert len(said.splitlines()) == 1


def test_what_is_as_it_should_be_waits_for_nothing(cloud: Cloud, connection: Connection, clock: Clock) -> None:
    started = time.monotonic()
    assert inventory.everything(connection) == []
    assert clock.slept == [] and time.monotonic() - started < 5


# --- writes -----------------------------------------------------------------------------------------------------------

VOLUME, PORT = "^DELETE /volume/v3/volumes/v$", "^DELETE /network/v2.0/ports/p$"


def things() -> list[Thing]:
    return [Thing("port", "p"), Thing("volume", "v"), Thing("keypair", "k")]


@pytest.mark.parametrize(
    "answer", [error(503), error(429, Retry_After="5"), Answer(fault="reset"), error(500)], ids=str
)
def test_a_deletion_is_asked_again(cloud: Cloud, connection: Connection, patience: Patience, answer: Answer) -> None:
    cloud.script(PORT, answer, error(404))  # the first one may have worked
    with access.cloud_errors():
        inventory.delete(connection, things(), lambda _text: None, patience)
    assert [cloud.count(one) for one in (PORT, VOLUME, "^DELETE /compute/v2.1/os-keypairs/k$")] == [2, 1, 1]


def test_a_thing_in_use_is_waited_for(cloud: Cloud, connection: Connection, patience: Patience, clock: Clock) -> None:
    cloud.script(PORT, error(409), times=3)
    with access.cloud_errors():
        inventory.delete(connection, things(), lambda _text: None, patience)
    assert clock.slept == [patience.look] * 3
    cloud.script(PORT, error(409), times=999)
    refused = refusal(lambda: inventory.delete(connection, things(), lambda _text: None, patience))
    assert refused.code == "SOC-4107"
    assert clock.seconds < 2 * patience.gone


@pytest.mark.parametrize(
    ("answer", "code"),
    [(error(403), "SOC-4121"), (error(503), "SOC-4125"), (Answer(fault="silence"), "SOC-4126")],
    ids=str,
)
def test_after_a_deletion_that_fails_nothing_more_is_deleted(
    cloud: Cloud, loaded: LoadedStack, patience: Patience, answer: Answer, code: str
) -> None:
    cloud.script(PORT, answer, times=9)
    connection = access.connect(loaded, for_answer(patience, answer))
    assert refusal(lambda: inventory.delete(connection, things(), lambda _text: None, patience)).code == code
    assert {one for one in cloud.asked if one.startswith("DELETE")} == {PORT.strip("^$")}


@pytest.mark.parametrize(
    ("answer", "code"),
    [(error(503), "SOC-4125"), (error(429), "SOC-4124"), (Answer(fault="reset"), "SOC-4102"), (error(409), "SOC-4123")],
    ids=str,
)
def test_what_may_not_happen_twice_is_asked_once(
    cloud: Cloud, connection: Connection, clock: Clock, answer: Answer, code: str
) -> None:
    cloud.script("^POST /compute/v2.1/os-keypairs$", answer, times=9)
    assert refusal(lambda: connection.compute.create_keypair(name="k")).code == code
    assert (cloud.count("^POST /compute"), clock.slept) == (1, [])


def test_a_console_is_read_again(cloud: Cloud, connection: Connection) -> None:
    from socle.nodes.run import console_of

    action = "^POST /compute/v2.1/servers/s/action$"
    cloud.usual(action, {"output": "BEGIN SSH HOST KEY KEYS"})
    cloud.script(action, error(503))
    assert console_of(connection)("s") == "BEGIN SSH HOST KEY KEYS"
    cloud.script(action, error(409))
    assert console_of(connection)("s") == ""
    cloud.script(action, error(403))
    assert refusal(lambda: console_of(connection)("s")).code == "SOC-4121"


# --- existence, quota, what is live -----------------------------------------------------------------------------------


def test_what_the_cloud_lacks_is_named_at_once(cloud: Cloud, connection: Connection, loaded: LoadedStack) -> None:
    refused = refusal(lambda: preflight.existence(connection, loaded, derive(loaded)))
    assert refused.code == "SOC-4201"
    assert [word for word in ("debian-13-secnum", "s1.small", "ext-net") if any(word in x for x in refused.lines())]
    cloud.script(IMAGES, error(403), times=9)
    assert refusal(lambda: preflight.existence(connection, loaded, derive(loaded))).code == "SOC-4121"


def test_an_api_that_is_not_there_is_no_missing_image(
    cloud: Cloud, connection: Connection, loaded: LoadedStack
) -> None:
    cloud.script(IMAGES, error(404), times=9)
    assert refusal(lambda: preflight.existence(connection, loaded, derive(loaded))).code == "SOC-4122"


@pytest.mark.parametrize(("answer", "code", "times"), [one for one in OUTCOMES if one[0].status in (403, 503)], ids=str)
def test_quotas_that_cannot_be_asked(
    cloud: Cloud, connection: Connection, answer: Answer, code: str, times: int
) -> None:
    cloud.script(LIMITS, answer, times=9)
    assert refusal(lambda: quotas.check(connection, {"cores": 4})).code == code
    assert cloud.count(LIMITS) == times


@pytest.mark.parametrize("status", [403, 404])
def test_network_quotas_that_are_the_administrators_alone(cloud: Cloud, connection: Connection, status: int) -> None:
    details = f"^GET /network/v2.0/quotas/{PROJECT}"
    cloud.script(details, error(status), times=9)
    quotas.check(connection, {"networks": 999})
    assert cloud.count(details) == 1


def test_a_quota_that_does_not_suffice(connection: Connection) -> None:
    refused = refusal(lambda: quotas.check(connection, {"cores": 4000, "networks": 11, "volumes": 1}))
    assert refused.code == "SOC-4202"
    assert len([line for line in refused.lines() if "SOC-4202" in line]) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [(error(403), "SOC-4121"), (error(503), "SOC-4125"), (Answer(fault="reset"), "SOC-4102")],
    ids=str,
)
def test_what_is_live_or_why_it_is_not_known(
    cloud: Cloud, loaded: LoadedStack, patience: Patience, answer: Answer, code: str
) -> None:
    assert live.collect(loaded, patience)["servers"] == {}
    cloud.script(SERVERS, answer, times=9)
    assert refusal(lambda: live.collect(loaded, patience)).code == code


@pytest.mark.parametrize("body", [[], None, "text", {"servers": None}, {"servers": [7]}, {"servers": {"a": 1}}, {}])
def test_an_answer_of_another_form(cloud: Cloud, connection: Connection, body: Any) -> None:
    cloud.script(SERVERS, Answer(body=body), times=9)
    try:
        with access.cloud_errors():
            inventory.everything(connection)
    except CloudError as refused:
        assert refused.code == "SOC-4110"


def test_the_command_line_ends_with_4(
    cloud: Cloud, loaded: LoadedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from socle import cli

    cloud.script(SERVERS, error(403, "Policy doesn't allow os_compute_api:servers:detail"), times=9)
    monkeypatch.setattr(
        "sys.argv", ["socle", "report", str(loaded.file), "--live", "--out", str(loaded.file.parent / "d")]
    )
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[-4].startswith("SOC-4121: ") and lines[-4].endswith("/compute/v2.1/servers/detail")
    assert "os_compute_api:servers:detail" in lines[-2]
    assert lines[-1].strip() == "socle explain SOC-4121"
