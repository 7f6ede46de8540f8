"""The stack's vault and its certificates."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from socle import paths
from socle.errors import MachineError, NodeError
from socle.nodes import certificates, vault
from socle.nodes.certificates import CertificatesError
from socle.stack import load_stack
from socle.stack.cloud import Certificates, Issuer
from socle.stack.load import LoadedStack
from socle.topology import derive
from tests.models import pairs, with_pairs

NOW = datetime.now(UTC)


def authority(folder: Path) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "ca.pem").write_bytes(made.public_bytes(pem))
    (folder / "ca.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return Issuer(certificate=str(folder / "ca.pem"), key=str(folder / "ca.key"))


@pytest.fixture
def signed(stack_file: Callable[..., Path], tmp_path: Path) -> LoadedStack:
    (tmp_path / "oidc.secret").write_text("of-the-provider\n")
    identity = {"provider": "proconnect", "secret_file": str(tmp_path / "oidc.secret")}
    loaded = with_pairs(load_stack(str(stack_file(identity=identity))), pairs(tmp_path))
    return with_issuer(loaded, authority(tmp_path / "authority"))


def with_issuer(loaded: LoadedStack, issuer: Issuer | None) -> LoadedStack:
    return replace(loaded, cloud=loaded.cloud.model_copy(update={"certificates": Certificates(issuer=issuer)}))


def leaf(pair: dict[str, str]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair["certificate"].encode())


def test_secrets_are_made_once_and_no_value_is_on_the_disk(signed: LoadedStack) -> None:
    topology = derive(signed)
    first = vault.open_vault(signed, topology)
    assert set(first.values) == {secret.name for secret in topology.secrets}
    assert vault.open_vault(signed, topology).values == first.values
    written = [file for file in paths.state_dir().rglob("*") if file.is_file()]
    assert {file.name for file in written} == {"secrets.yml", "passphrase"}
    for file in written:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        text = file.read_text()
        assert not any(first.token(s.name) in text for s in topology.secrets if s.kind == "token")
        assert "PRIVATE KEY" not in text
    assert len(first.token("livekit_api_secret")) >= 43  # 256 bits in base64
    assert first.token("livekit_api_secret") not in repr(first)


def test_a_secret_that_is_added_later_is_made_and_the_others_stay(signed: LoadedStack) -> None:
    topology = derive(signed)
    fewer = replace(topology, secrets=topology.secrets[:-1])
    before = vault.open_vault(signed, fewer)
    after = vault.open_vault(signed, topology)
    assert {name: after.values[name] for name in before.values} == before.values
    assert topology.secrets[-1].name in after.values


def test_another_passphrase_opens_nothing(signed: LoadedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.open_vault(signed, derive(signed))
    other = tmp_path / "other"
    other.write_text("not the one\n")
    monkeypatch.setenv("SOCLE_PASSPHRASE_FILE", str(other))
    with pytest.raises(NodeError, match="cannot be decrypted") as refused:
        vault.read_vault(signed.name)
    assert refused.value.code == "SOC-5201"
    monkeypatch.setenv("SOCLE_PASSPHRASE_FILE", str(tmp_path / "absent"))
    with pytest.raises(MachineError, match="no such passphrase file"):
        vault.read_vault(signed.name)
    other.write_text("\n")
    monkeypatch.setenv("SOCLE_PASSPHRASE_FILE", str(other))
    with pytest.raises(MachineError, match="is empty"):
        vault.read_vault(signed.name)


def test_a_certificate_has_its_names_ninety_days_and_the_authority(signed: LoadedStack) -> None:
    opened = vault.open_vault(signed, derive(signed))
    found = leaf(opened.values["valkey_certificate"])
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "valkey.visio.exemple.example" in names.get_values_for_type(x509.DNSName)
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {n.address for n in derive(signed).tier("bus").nodes}
    assert timedelta(days=90) <= found.not_valid_after_utc - found.not_valid_before_utc < timedelta(days=91)
    issuer = signed.cloud.certificates.issuer
    assert issuer
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(Path(issuer.certificate).read_bytes()))


def test_the_database_s_certificate_alone_is_a_client_s_too(signed: LoadedStack) -> None:
    opened = vault.open_vault(signed, derive(signed))
    client = x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH
    pairs = {name: value for name, value in opened.values.items() if name.endswith("_certificate")}
    purposes = {
        name: leaf(pair).extensions.get_extension_for_class(x509.ExtendedKeyUsage) for name, pair in pairs.items()
    }
    assert [name for name, usage in purposes.items() if client in usage.value] == ["database_certificate"]
    assert "database.visio.exemple.example" in str(
        leaf(pairs["database_certificate"]).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    )


@pytest.mark.parametrize(("days", "renewed"), [(59, False), (61, True)])
def test_a_certificate_is_renewed_thirty_days_before_its_end(signed: LoadedStack, days: int, renewed: bool) -> None:
    topology = derive(signed)
    before = vault.open_vault(signed, topology, NOW).values["edge_certificate"]
    after = vault.open_vault(signed, topology, NOW + timedelta(days=days)).values["edge_certificate"]
    assert (before != after) is renewed


def test_a_new_authority_signs_anew(signed: LoadedStack, tmp_path: Path) -> None:
    before = vault.open_vault(signed, derive(signed)).values["edge_certificate"]
    other = with_issuer(signed, authority(tmp_path / "second"))
    assert vault.open_vault(other, derive(other)).values["edge_certificate"] != before


def test_without_an_authority_requests_are_handed_over_and_answers_taken(signed: LoadedStack, tmp_path: Path) -> None:
    alone = with_issuer(signed, None)
    topology = derive(alone)
    with pytest.raises(CertificatesError, match="requests to hand over"):
        vault.open_vault(alone, topology)
    folder = paths.stack_dir(alone.name) / "certificates"
    requests = sorted(folder.glob("*.csr"))
    assert [file.stem for file in requests] == sorted(s.name for s in topology.secrets if s.kind == "certificate")
    assert not any("PRIVATE KEY" in file.read_text() for file in folder.iterdir())
    issuer = authority(tmp_path / "ministry")
    signer = serialization.load_pem_private_key(Path(issuer.key).read_bytes(), None)
    for file in requests:
        request = x509.load_pem_x509_csr(file.read_bytes())
        answer = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(request.subject)
            .public_key(request.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=365))
            .add_extension(request.extensions[0].value, critical=False)
            .sign(signer, hashes.SHA256())  # type: ignore[arg-type]
        )
        file.with_suffix(".pem").write_bytes(answer.public_bytes(serialization.Encoding.PEM))
    opened = vault.open_vault(alone, topology)
    assert leaf(opened.values["edge_certificate"]).serial_number == 1


def test_an_unreadable_authority_is_named(signed: LoadedStack, tmp_path: Path) -> None:
    gone = with_issuer(signed, Issuer(certificate=str(tmp_path / "no.pem"), key=str(tmp_path / "no.key")))
    with pytest.raises(CertificatesError, match=r"no\.pem"):
        vault.open_vault(gone, derive(gone))
    assert timedelta(days=60) == certificates.LIFETIME - certificates.RENEW_BEFORE
