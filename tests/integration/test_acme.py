"""Public certificates from a real ACME authority, proven in a real name server by RFC 2136."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from socle import paths
from socle.errors import CloudError
from socle.nodes import certificates, challenges, names, vault
from socle.nodes.challenges import OfServer
from socle.nodes.vault import Vault
from socle.stack.cloud import Issuer
from socle.stack.load import LoadedStack
from socle.topology import derive
from tests.integration import acme
from tests.integration.acme import Authority
from tests.models import pairs, with_pairs
from tests.unit.test_nodes_secrets import authority as internal

pytestmark = pytest.mark.skipif(bool(acme.why_not()), reason=acme.why_not() or "-")

DOMAIN = f"visio.{acme.ZONE}"
PUBLIC = {"edge_certificate": {DOMAIN, f"livekit.{DOMAIN}"}, "turn_certificate": {f"turn.{DOMAIN}"}}
NOW = datetime.now(UTC)

Asking = Callable[..., LoadedStack]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.has_a_certificate(internal(made.folder / "internal"))
    for program in (acme.pebble(), Path(acme.named()[-1])):
        assert program.exists()  # fetched while something else is reached
    with acme.own_network():
        try:
            made.names_answer()
            yield made
        finally:
            made.close()


@pytest.fixture
def signing(running: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.folder / "internal/ca.pem"))
    running.signs()
    return running


@pytest.fixture
def asking(running: Authority, stack_file: Callable[..., Path], tmp_path: Path) -> Iterator[Asking]:
    """A stack whose public certificates the authority signs; `more`: keys of `certificates`."""
    (tmp_path / "oidc.secret").write_text("of-the-provider\n")
    identity = {"provider": "proconnect", "secret_file": str(tmp_path / "oidc.secret")}
    folder, made = running.folder / "internal", list[LoadedStack]()

    def stack(**more: Any) -> LoadedStack:
        own = {"issuer": "acme", "directory": acme.DIRECTORY, "country": "FR", **more}
        issuer = Issuer(certificate=str(folder / "ca.pem"), key=str(folder / "ca.key"))
        loaded = acme.stack(stack_file(identity=identity, certificates=own), running, issuer)
        made.append(with_pairs(loaded, pairs(tmp_path)))
        return made[-1]

    yield stack
    if made:
        names.put(made[0], DOMAIN, "CAA", {DOMAIN: []})


def opened(loaded: LoadedStack, now: datetime = NOW) -> Vault:
    return vault.open_vault(loaded, derive(loaded), now, OfServer(loaded, DOMAIN))


def refused(loaded: LoadedStack, now: datetime = NOW) -> CloudError:
    with pytest.raises(CloudError) as caught:
        opened(loaded, now)
    return caught.value


def chain(pair: dict[str, str]) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pair["certificate"].encode())


def proofs(loaded: LoadedStack) -> list[str]:
    public = {name for found in PUBLIC.values() for name in found}
    return [text for name in public for text in names.asked(loaded, f"_acme-challenge.{name}", "TXT")]


def test_what_browsers_see_is_signed_by_the_authority_and_the_rest_stays_internal(
    signing: Authority, asking: Asking
) -> None:
    loaded = asking()
    values = opened(loaded).values
    for name, valid_for in PUBLIC.items():
        leaf, above = chain(values[name])[:2]
        assert certificates._names_of(leaf) == valid_for
        leaf.verify_directly_issued_by(above)
        assert "Pebble" in above.subject.rfc4514_string()
        key: Any = load_pem_private_key(values[name]["key"].encode(), None)
        assert leaf.public_key() == key.public_key()
    ours = x509.load_pem_x509_certificate((signing.folder / "internal/ca.pem").read_bytes())
    others = [s.name for s in derive(loaded).secrets if s.kind == "certificate" and s.name not in PUBLIC]
    assert others
    for name in others:
        chain(values[name])[0].verify_directly_issued_by(ours)
    assert proofs(loaded) == []
    kept = [file for file in paths.state_dir().rglob("*") if file.is_file()]
    assert not any(b"PRIVATE KEY" in file.read_bytes() for file in kept)


def test_they_are_kept_until_thirty_days_before_their_end_and_the_account_for_ever(
    signing: Authority, asking: Asking
) -> None:
    loaded = asking()
    first = opened(loaded).values
    assert opened(loaded, NOW + timedelta(days=59)).values["edge_certificate"] == first["edge_certificate"]
    later = opened(loaded, NOW + timedelta(days=61)).values
    assert later["edge_certificate"]["certificate"] != first["edge_certificate"]["certificate"]
    assert later["edge_certificate"]["key"] != first["edge_certificate"]["key"]
    assert later["acme_account_key"] == first["acme_account_key"]
    assert "There are now 1 accounts" in signing.said("pebble")
    assert "There are now 2 accounts" not in signing.said("pebble")


def test_the_authority_may_be_away_while_what_it_signed_is_good(
    signing: Authority, asking: Asking, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = asking()
    first = opened(loaded).values["edge_certificate"]
    signing.stop("pebble")
    assert opened(loaded, NOW + timedelta(days=61)).values["edge_certificate"] == first
    said = capsys.readouterr().err
    assert "SOC-4401" in said
    assert "is kept, until" in said
    assert refused(loaded, NOW + timedelta(days=91)).code == "SOC-4401"


def test_who_cannot_verify_the_directory_asks_nothing(
    signing: Authority, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    error = refused(asking())
    assert (error.code, "REQUESTS_CA_BUNDLE" in error.hint) == ("SOC-4401", True)
    assert "account" not in signing.said("pebble").lower()


def test_an_authority_of_customers_wants_the_key_that_it_gave(
    signing: Authority, asking: Asking, tmp_path: Path
) -> None:
    signing.signs(customers=True)
    error = refused(asking())
    assert (error.code, error.exit_code) == ("SOC-4403", 4)
    file = tmp_path / "hmac"
    for text, code in (("not base64url: é", "SOC-4403"), ("b" * 64, "SOC-4402")):
        file.write_text(text)
        error = refused(asking(external_account={"key_id": "kid-1", "secret_file": str(file)}))
        assert error.code == code, error
        assert text not in "\n".join(error.lines())
    file.write_text(acme.CUSTOMER["kid-1"])
    values = opened(asking(external_account={"key_id": "kid-1", "secret_file": str(file)})).values
    assert certificates._names_of(chain(values["turn_certificate"])[0]) == PUBLIC["turn_certificate"]


def test_an_authority_that_does_not_find_the_proof_is_quoted_and_nothing_stays_behind(
    signing: Authority, asking: Asking
) -> None:
    class Wrong(OfServer):
        def put(self, name: str, text: str) -> None:
            super().put(name, f"not-{text[4:]}")

    loaded = asking()
    with pytest.raises(CloudError) as caught:
        vault.open_vault(loaded, derive(loaded), NOW, Wrong(loaded, DOMAIN))
    assert caught.value.code == "SOC-4404"
    assert DOMAIN in caught.value.message
    assert "Correct value not found for DNS challenge" in caught.value.message
    assert proofs(loaded) == []
    assert "edge_certificate" not in vault.read_vault(loaded.name)
    assert opened(loaded).values["edge_certificate"]["certificate"]  # the next run


def test_caa_records_are_looked_at_before_anything_is_proven(signing: Authority, asking: Asking) -> None:
    error = refused(asking(caa="another.example"))
    assert (error.code, acme.CALLED in error.message) == ("SOC-4406", True)
    loaded = asking(caa=acme.CALLED)
    names.put(loaded, DOMAIN, "CAA", {DOMAIN: ['0 issue "another.example"', '0 issuewild ";"']})
    error = refused(loaded)
    assert (error.code, "another.example" in error.message) == ("SOC-4406", True)
    names.put(loaded, DOMAIN, "CAA", {DOMAIN: [f'0 issue "{acme.CALLED}"', '0 issuewild ";"']})
    assert opened(loaded).values["turn_certificate"]["certificate"]


def test_a_name_that_the_authority_never_signs_is_refused_in_its_words(signing: Authority, asking: Asking) -> None:
    loaded = asking()
    stack = loaded.stack.model_copy(update={"domain": f"blocked.{acme.ZONE}"})
    error = refused(replace(loaded, stack=stack))
    assert (error.code, "blocked" in error.message.lower()) == ("SOC-4408", True)


def test_a_plan_asks_nobody(signing: Authority, asking: Asking) -> None:
    signing.stop("pebble")
    loaded = asking()
    values = vault.open_vault(loaded, derive(loaded)).values
    assert not set(PUBLIC) & set(values)
    assert "acme_account_key" in values


def test_a_proof_waits_for_every_name_server_of_the_zone(
    signing: Authority, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenges, "SERVED_WITHIN", 3)
    loaded = asking()
    names.put(loaded, acme.ZONE, "NS", {acme.ZONE: [f"second.{acme.ZONE}."]})  # beside the first, which stays
    signing.lags()
    error = refused(loaded)
    assert (error.code, "_acme-challenge." in error.message) == ("SOC-4410", True)
    assert proofs(loaded) == []
    signing.stop("second")
    assert opened(loaded).values["edge_certificate"]["certificate"]  # who does not answer is the authority's to judge
