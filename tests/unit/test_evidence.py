"""Evidence: sealed, signed, verified offline; one changed byte, file or key is seen. Two runs, compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from socle import assess
from socle.cli.evidence import evidence
from socle.errors import GateRefused, InputError, SocleError, VerifyFailed
from socle.evidence import comparison, seal
from socle.report import dossier
from tests.models import intended

Run = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A folder of evidence of the demonstration."""
    model = intended("demo")
    result = assess.assess(model, assess.BEFORE_APPLY)

    def write(name: str = "run", key: Ed25519PrivateKey | None = None) -> Path:
        return dossier.write(tmp_path / name, result, model, key=key).parent

    return write


def pem(folder: Path, key: Any) -> tuple[Path, Path]:
    """The files of a private key and of its public half."""
    private, public = folder / "key.pem", folder / "key.pub"
    private.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_two_runs_over_the_same_differ_in_their_time_alone(run: Run) -> None:
    first, second = run("first"), run("second")
    names = {path.name for path in first.iterdir()}
    findings = {"findings.json", "findings.sarif", "findings.junit.xml", "findings.csv"}
    audits = {"assessment-results.oscal.json", "ciso-assistant.csv"}
    assert names == {"index.html", "manifest.json", *findings, *audits}
    for name in names - {"manifest.json"}:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    one, other = (json.loads((folder / "manifest.json").read_text()) for folder in (first, second))
    assert {**one, "made": ""} == {**other, "made": ""}
    assert one["about"]["stack"] == "demo" and set(one["files"]) == names - {"manifest.json"}


def test_what_is_sealed_verifies_and_says_who_signed(run: Run, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    assert seal.verified(run()).signer is None
    signed = run("signed", key)
    assert seal.verified(signed).signer == seal.fingerprint(key.public_key())
    assert seal.verified(signed, key.public_key()).about["go"] is True
    run("signed")  # written again, by nobody
    assert seal.verified(signed).signer is None


def forged(folder: Path) -> None:
    """Changed, with a manifest that agrees: only the signature tells."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["about"]["go"] = not manifest["about"]["go"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "code", "word"),
    [
        (lambda folder: (folder / "findings.json").write_text("[]"), "SOC-8602", "findings.json: changed"),
        (lambda folder: (folder / "index.html").unlink(), "SOC-8602", "index.html: gone"),
        (lambda folder: (folder / "more.txt").write_text("x"), "SOC-8602", "more.txt: added"),
        (forged, "SOC-8603", "not of this key"),
        (lambda folder: (folder / "manifest.sig").write_text("AAAA"), "SOC-8603", "not of this key"),
        (lambda folder: (folder / "manifest.sig").write_text("A"), "SOC-8603", "not of this key"),
        (lambda folder: (folder / "manifest.json").unlink(), "SOC-8601", "no evidence"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "SOC-8601", "not a manifest"),
        (lambda folder: (folder / "more.txt").symlink_to("/etc/hostname"), "SOC-8601", "no links"),
        (lambda folder: (folder / "manifest.pub").write_text("x"), "SOC-8604", "no public Ed25519 key"),
    ],
)
def test_whatever_is_touched_is_seen(run: Run, spoil: Callable[[Path], object], code: str, word: str) -> None:
    folder = run(key=Ed25519PrivateKey.generate())
    spoil(folder)
    with pytest.raises(SocleError) as refused:
        seal.verified(folder)
    assert refused.value.code == code
    assert word in "\n".join(refused.value.lines())


def test_the_key_that_is_asked_for_must_have_signed(run: Run) -> None:
    mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    with pytest.raises(VerifyFailed, match="nobody signed"):
        seal.verified(run(), mine.public_key())
    with pytest.raises(VerifyFailed, match="not of this key"):
        seal.verified(run(key=other), mine.public_key())


def test_only_ed25519_signs(tmp_path: Path) -> None:
    private, public = pem(tmp_path, generate_private_key(SECP256R1()))
    for read, file in ((seal.private_key, private), (seal.public_key, public), (seal.private_key, tmp_path / "none")):
        with pytest.raises(InputError) as refused:
            read(file)
        assert refused.value.code == "SOC-8604"


def test_the_verb_says_what_it_found(run: Run, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    _private, public = pem(tmp_path, key)
    folder = run(key=key)
    for more, said in (([], "only you know"), (["--key", str(public)], "signed by: sha256:")):
        done = CliRunner().invoke(evidence, ["verify", str(folder), *more])
        assert done.exit_code == 0 and said in done.output, done.output
    (folder / "index.html").write_text("another")
    assert isinstance(CliRunner().invoke(evidence, ["verify", str(folder)]).exception, VerifyFailed)


def findings(folder: Path, **rows: str) -> Path:
    """Evidence with one observation for each rule: its status."""
    folder.mkdir()
    told = [{"rule": rule, "subject": "it", "status": status.removesuffix(" waived"), "seen": "",
             "waiver": "w" if "waived" in status else None} for rule, status in rows.items()]  # fmt: skip
    (folder / "findings.json").write_text(json.dumps(told))
    seal.seal(folder, {})
    return folder


def test_two_runs_are_compared(tmp_path: Path) -> None:
    before = findings(tmp_path / "a", A="passed", B="failed", C="failed waived", D="passed", E="passed", F="unknown")
    after = findings(
        tmp_path / "b", A="failed", B="passed", C="failed", D="unknown", E="stated", G="failed", H="passed"
    )
    found = {one.rule: one for one in comparison.compared(before, after)}
    assert {rule: one.kind for rule, one in found.items()} == {
        "A": "worse", "B": "better", "C": "worse", "D": "worse", "F": "gone", "G": "new", "H": "new",
    }  # fmt: skip
    assert {rule for rule, one in found.items() if one.worsens} == {"A", "C", "D", "G"}
    done = CliRunner().invoke(evidence, ["compare", str(before), str(after)])
    assert isinstance(done.exception, GateRefused) and "worse: 3, better: 1, new: 2, gone: 1" in done.output
    same = CliRunner().invoke(evidence, ["compare", str(before), str(before), "--json"])
    assert same.exit_code == 0 and json.loads(same.stdout) == []


@pytest.mark.parametrize("text", ["{", "[1]", '[{"rule": 1}]', "{}"])
def test_what_is_no_finding_is_refused(tmp_path: Path, text: str) -> None:
    good, bad = findings(tmp_path / "a"), findings(tmp_path / "b")
    (bad / "findings.json").write_text(text)
    seal.seal(bad, {})
    with pytest.raises(InputError):
        comparison.compared(good, bad)


def test_a_run_that_was_touched_is_compared_with_nothing(tmp_path: Path) -> None:
    good, touched = findings(tmp_path / "a", A="passed"), findings(tmp_path / "b", A="failed")
    (touched / "findings.json").write_bytes((good / "findings.json").read_bytes())
    with pytest.raises(VerifyFailed):
        comparison.compared(good, touched)
