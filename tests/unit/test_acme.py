"""Public certificates from an ACME authority: what needs no authority. With one: tests/integration/test_acme.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from acme import errors, messages

from socle.errors import InputError
from socle.nodes import acme, challenges, handed, render, run
from socle.stack import load_stack
from socle.stack.load import LoadedStack
from socle.topology import derive

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DIRECTORY = "https://acme.authority.example/directory"
ASKED = {"issuer": "acme", "directory": DIRECTORY, "country": "FR"}


@pytest.fixture
def loaded(stack_file: Callable[..., Path]) -> LoadedStack:
    return load_stack(str(stack_file(certificates=ASKED)))


def refused(error: Exception, again: str = "", of_account: bool = False) -> acme.AcmeError:
    asking = acme._Asking(DIRECTORY)
    asking.again = again
    with pytest.raises(acme.AcmeError) as caught, asking.refusals(of_account=of_account):
        raise error
    assert caught.value.exit_code == 4
    return caught.value


def said(code: str, detail: str = "its own words") -> messages.Error:
    return messages.Error(typ=f"urn:ietf:params:acme:error:{code}", detail=detail)


@pytest.mark.parametrize(
    ("kind", "of_account", "code"),
    [
        ("rateLimited", True, "SOC-4405"),
        ("rateLimited", False, "SOC-4405"),
        ("externalAccountRequired", True, "SOC-4403"),
        ("caa", False, "SOC-4406"),
        ("unauthorized", True, "SOC-4402"),
        ("unauthorized", False, "SOC-4408"),
        ("rejectedIdentifier", False, "SOC-4408"),
    ],
)
def test_each_refusal_has_a_code(kind: str, of_account: bool, code: str) -> None:
    assert refused(said(kind), of_account=of_account).code == code
    assert refused(errors.IssuanceError(said(kind))).code == refused(said(kind)).code


def test_too_many_requests_say_until_when_in_the_authority_s_words() -> None:
    found = refused(said("rateLimited", "too many certificates this week"), "2026-11-01T13:00:00+00:00")
    assert "after 2026-11-01T13:00:00+00:00" in found.message
    assert "too many certificates this week" in found.message
    assert "when its words say" in refused(said("rateLimited")).message


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("3600", "2026-11-01T13:00:00+00:00"),
        ("Sun, 01 Nov 2026 13:00:00 GMT", "2026-11-01T13:00:00+00:00"),
        ("9" * 40, "2030-01-01T21:46:40+00:00"),
        ("", ""),
        ("soon", ""),
    ],
)
def test_when_to_ask_again(header: str, moment: str) -> None:
    assert acme.moment(header, NOW) == moment


def test_an_authority_without_end_is_an_error() -> None:
    assert refused(errors.TimeoutError()).code == "SOC-4409"


def test_issuers_of_caa_records() -> None:
    records = [
        '0 issue "authority.example; validationmethods=dns-01"',
        '0 issuewild ";"',
        '0 iodef "mailto:a@b.example"',
    ]
    assert challenges.issuers(records) == ["authority.example"]
    assert challenges.issuers(['0 issue ";"']) == [""]


def test_the_public_names_alone_are_the_authority_s(loaded: LoadedStack) -> None:
    topology = derive(loaded)
    public = [secret for secret in topology.secrets if secret.public]
    assert [secret.name for secret in public] == ["edge_certificate", "turn_certificate"]
    assert {name for secret in public for name in secret.names} <= {record.fqdn for record in topology.records}
    assert [s.kind for s in topology.secrets if s.name == "acme_account_key"] == ["account-key"]
    assert not any(s.tiers for s in topology.secrets if s.name.startswith("acme_"))


def test_the_customer_s_key_is_handed_over(stack_file: Callable[..., Path], tmp_path: Path) -> None:
    def where(**more: str) -> Path:
        own = load_stack(str(stack_file(certificates={**ASKED, "external_account": {"key_id": "kid-1", **more}})))
        return handed.file_of(own, next(s for s in derive(own).secrets if s.name == "acme_hmac"))

    assert (where().parent.name, where().name) == ("handed-over", "acme_hmac")
    assert where(secret_file=str(tmp_path / "key")) == tmp_path / "key"


def test_the_authority_is_asked_where_nodes_are_configured_and_by_no_other_verb(
    loaded: LoadedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    class Opened(Exception):
        pass

    def open_vault(*_stack: Any, dns: Any = None) -> None:
        opened.append(dns)
        raise Opened

    monkeypatch.setattr(run.vault, "open_vault", open_vault)
    monkeypatch.setattr(run.names, "publish", lambda *_stack: False)
    monkeypatch.setattr(run.variables, "images", lambda *_stack: {})
    monkeypatch.setattr(run.program, "read", lambda *_stack: None)
    topology, cloud = derive(loaded), cast(Any, SimpleNamespace(dns=None))
    with pytest.raises(Opened):
        run.configure(loaded, topology, {}, cloud)
    with pytest.raises(Opened):
        run.play(loaded, topology, {}, cloud, "drain.yml")
    assert [isinstance(dns, challenges.OfDesignate | challenges.OfServer) for dns in opened] == [True, False]


def test_a_zone_file_that_is_handed_over_proves_nothing(stack_file: Callable[..., Path]) -> None:
    with pytest.raises(InputError) as caught:
        load_stack(str(stack_file(certificates=ASKED, cloud="defense")))
    assert (caught.value.code, caught.value.exit_code) == ("SOC-1230", 2)


def test_what_is_secret_is_not_in_a_text() -> None:
    account = acme.Account(acme.new_account_key(), "bound")
    assert "PRIVATE" not in repr(account)
    assert "bound" not in repr(account)


@pytest.mark.parametrize("own", [True, False])
def test_monitoring_trusts_who_signs_what_browsers_see(stack_file: Callable[..., Path], own: bool) -> None:
    asked = load_stack(str(stack_file(certificates=None if own else ASKED)))
    text = render.render(asked, derive(asked))["monitoring", "/etc/prometheus/blackbox.yml"]
    assert ("ca_file" in text) is own
