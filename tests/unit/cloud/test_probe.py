"""`socle cloud probe` before a cloud of the tests: what is asked, and what becomes of refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from socle.cli.cloud import cloud as command
from socle.cloudfile.ask import ask
from socle.cloudfile.differences import differences
from socle.cloudfile.draft import draft
from socle.cloudfile.model import LiveCloud, Source
from socle.engine import access
from socle.engine.patience import Patience
from socle.errors import CloudError, Drifted, InputError
from socle.stack.load import LoadedStack, load_cloud
from tests.cloud import REGION, Answer, Clock, Cloud, error, refusal

SECRET = "a-word-that-nobody-may-read"
DIGEST = "ab" * 64
TYPES = "^GET /volume/v3/types$"
FLAVOURS = "^GET /compute/v2.1/flavors/detail$"

Probe = Callable[..., LiveCloud]


def zones(*names: str) -> dict[str, Any]:
    return {"availabilityZoneInfo": [{"zoneName": name, "zoneState": {"available": True}} for name in names]}


@pytest.fixture
def furnished(cloud: Cloud) -> Cloud:
    """A cloud with something to offer."""
    cloud.usual("^GET /compute/v2.1/os-availability-zone$", zones("b", "a"))
    cloud.usual("^GET /volume/v3/os-availability-zone$", zones("a", "b", "nova"))
    cloud.usual(TYPES, {"volume_types": [{"id": "2", "name": "plain"}, {"id": "1", "name": "luks"}]})
    cloud.usual("^GET /volume/v3/types/1/encryption$", {"provider": "luks", "cipher": "aes-xts-plain64"})
    cloud.usual("^GET /volume/v3/types/2/encryption$", {})
    external = [{"id": "n", "name": "internet", "router:external": True}]
    cloud.usual("^GET /network/v2.0/networks$", {"networks": external})
    subnets = [{"id": "s", "network_id": "n", "cidr": "192.0.2.0/24", "ip_version": 4}, {"id": "o", "network_id": "x"}]
    cloud.usual("^GET /network/v2.0/subnets$", {"subnets": subnets})
    flavour = {"id": "f", "name": "s1", "vcpus": 2, "ram": 4096, "disk": 20, "OS-FLV-DISABLED:disabled": False}
    cloud.usual(FLAVOURS, {"flavors": [flavour | {"extra_specs": {"resources:VGPU": "1"}}]})
    version = cloud._version("/compute/v2.1", "v2.1") | {"version": "2.95", "min_version": "2.1"}
    cloud.usual("^GET /compute/v2.1/?$", {"version": version})
    image = {"id": "i", "name": "Debian 13", "status": "active", "os_distro": "debian", "os_version": "13"}
    digest = {"os_hash_algo": "sha512", "os_hash_value": DIGEST, "os_admin_user": "admin"}
    cloud.usual("^GET /image/v2/images$", {"images": [image | digest]})
    return cloud


@pytest.fixture
def clouds_yaml(furnished: Cloud, tmp_path: Path) -> Path:
    auth = {"auth_url": f"{furnished.url}/v3", "username": "operator", "password": SECRET, "project_name": "visio",
            "user_domain_name": "Default", "project_domain_name": "Default"}  # fmt: skip
    file = tmp_path / "clouds.yaml"
    entry = {"auth": auth, "cacert": str(furnished.authority)}
    file.write_text(yaml.safe_dump({"clouds": {"here": entry, "there": {**entry, "region_name": "elsewhere"}}}))
    return file


@pytest.fixture
def probe(clouds_yaml: Path, patience: Patience) -> Probe:
    def run(entry: str = "here") -> LiveCloud:
        file = str(clouds_yaml)
        return ask(access.connect_entry(entry, file, patience=patience), Source(entry, file))

    return run


def test_everything_that_the_cloud_tells(probe: Probe) -> None:
    live = probe()
    assert (live.region, live.project) == (REGION, "visio")
    assert {"block-storage", "compute", "image", "network"} <= set(live.services)
    assert "volumev3" not in live.services  # an earlier name of block-storage
    values = draft(live).values
    assert values["zones"] == ["a", "b"]
    assert values["external_network"] == {"name": "internet", "cidr": "192.0.2.0/24"}
    assert values["flavours"] == {"s1": {"vcpus": 2, "memory": 4, "disk": 20, "gpus": 1}}
    assert values["images"] == {"debian-13": {"name": "Debian 13", "user": "admin", "sha512": DIGEST}}
    assert values["volume_types"] == {"luks": {"encrypted": True}, "plain": {}}
    assert live.limits["compute"] == {"cores": 100} and live.limits["network"] == {"networks": 10}


def test_nothing_but_reading(probe: Probe, furnished: Cloud) -> None:
    probe()
    assert {one.partition(" ")[0] for one in furnished.asked} == {"GET", "POST"}
    assert furnished.count("^POST ") == furnished.count("^POST /v3/auth/tokens$") == 1


LISTS = {
    FLAVOURS: "flavours",
    "^GET /image/v2/images$": "images",
    "^GET /network/v2.0/networks$": "external networks",
    TYPES: "volume types",
    "^GET /volume/v3/types/1/encryption$": "encryption of volumes",
    "^GET /compute/v2.1/os-availability-zone$": "zones of {service}",
    "^GET /volume/v3/limits$": "quotas of {service}",
    "^GET /network/v2.0/quotas/": "quotas of {service}",
}


@pytest.mark.parametrize("call", LISTS)
def test_what_a_plain_user_may_not_ask_is_left_out(probe: Probe, furnished: Cloud, call: str) -> None:
    whole = draft(probe())
    furnished.script(call, error(403, "not allowed by policy"), times=9)
    made = draft(probe())
    assert {what for what, _service in made.untold} - {what for what, _service in whole.untold} or len(
        made.untold
    ) > len(whole.untold)
    assert LISTS[call] in {what for what, _service in made.untold}
    left = set(whole.values) - set(made.values)
    assert len(left) <= 1 and len(set(whole.values) - left) == len(made.values)  # the rest goes on


def test_one_right_is_asked_for_once(probe: Probe, furnished: Cloud) -> None:
    furnished.script("/encryption$", error(403), times=9)
    assert [one.encrypted for one in probe().volume_types or ()] == [None, None]
    assert furnished.count("/encryption$") == 1


@pytest.mark.parametrize("call", [FLAVOURS, TYPES, "^GET /compute/v2.1/os-availability-zone$"])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(401), "SOC-4103"),
        (error(429), "SOC-4124"),
        (error(500), "SOC-4125"),
        (error(503), "SOC-4125"),
        (Answer(fault="reset"), "SOC-4102"),
        (Answer(body={"flavors": []}, fault="garbled"), "SOC-4110"),
    ],
    ids=str,
)
def test_a_cloud_that_fails_is_explained(
    probe: Probe, furnished: Cloud, call: str, answer: Answer, code: str, clock: Clock
) -> None:
    furnished.script(call, answer, times=9)
    assert refusal(probe).code == code
    assert bool(clock.slept) is (answer.status != 401)


def test_a_service_at_a_wrong_address_is_no_missing_right(probe: Probe, furnished: Cloud) -> None:
    furnished.script(FLAVOURS, error(404), times=9)
    assert refusal(probe).code == "SOC-4122"


def test_a_passing_failure_passes(probe: Probe, furnished: Cloud, clock: Clock) -> None:
    furnished.script(TYPES, error(503), error(503))
    assert [one.name for one in probe().volume_types or ()] == ["luks", "plain"]
    assert clock.slept == [1, 2]


def test_a_region_that_the_catalogue_does_not_have(probe: Probe) -> None:
    refused = refusal(lambda: probe("there"))
    assert refused.code == "SOC-4127" and "elsewhere" in refused.hint


def test_regions_are_chosen_by_a_person(probe: Probe, furnished: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = furnished._endpoint
    monkeypatch.setattr(furnished, "_endpoint", lambda path: endpoint(path) | {"region": path})
    furnished._usual = [row for row in furnished._usual if "tokens" not in row[0].pattern]
    furnished._furnish()
    with pytest.raises(InputError) as refused:
        probe()
    assert refused.value.code == "SOC-4242" and "compute/v2.1" in refused.value.message


def test_credentials_of_no_project(probe: Probe, furnished: Cloud) -> None:
    pattern, answer = next(row for row in furnished._usual if "tokens" in row[0].pattern)
    token = {key: value for key, value in answer.body["token"].items() if key != "project"}
    furnished.script(pattern.pattern, replace(answer, body={"token": token}), times=2)
    assert refusal(probe).code == "SOC-4241"


def test_no_password_goes_to_an_address_without_tls(clouds_yaml: Path, patience: Patience, furnished: Cloud) -> None:
    clouds_yaml.write_text(clouds_yaml.read_text().replace("https://", "http://"))
    with pytest.raises(CloudError) as refused:
        access.connect_entry("here", str(clouds_yaml), patience=patience)
    assert refused.value.code == "SOC-4243" and not furnished.asked


@pytest.mark.parametrize("entry", ["nowhere", None])
def test_no_such_entry(
    clouds_yaml: Path, patience: Patience, entry: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OS_CLOUD", raising=False)
    with pytest.raises(CloudError) as refused:
        access.connect_entry(entry, str(clouds_yaml), patience=patience)
    assert refused.value.code == "SOC-4101" and refused.value.hint


def test_the_environment_is_an_entry_too(
    furnished: Cloud, patience: Patience, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "OS_AUTH_URL": f"{furnished.url}/v3", "OS_USERNAME": "operator", "OS_PASSWORD": SECRET,
        "OS_PROJECT_NAME": "visio", "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_CACERT": str(furnished.authority), "OS_REGION_NAME": REGION,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert ask(access.connect_entry(None, patience=patience), Source(None)).project == "visio"
    assert any(SECRET.encode() in body for body in furnished.bodies)
    made = run("probe", "--out", str(tmp_path / "here.yaml"))
    assert made.exit_code == 0
    assert "OS_*" in (tmp_path / "here.yaml").read_text()


# --- the command line -------------------------------------------------------------------------------------------------


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_the_file_goes_where_it_is_asked_for_and_never_over_another(clouds_yaml: Path, tmp_path: Path) -> None:
    out = tmp_path / "clouds" / "here.yaml"
    arguments = ("probe", "here", "--clouds", str(clouds_yaml), "--out", str(out))
    made = run(*arguments)
    assert (made.exit_code, made.stdout) == (0, "")
    assert "name, surroundings, qualification" in made.stderr
    written = out.read_text()
    assert yaml.safe_load(written)["region"] == REGION
    assert SECRET not in written + made.output
    out.write_text("mine")
    refused = run(*arguments)
    assert isinstance(refused.exception, InputError) and refused.exception.code == "SOC-4244"
    assert isinstance(run(*arguments, "--replace", "there.yaml").exception, InputError)
    assert out.read_text() == "mine"
    assert run(*arguments, "--replace", "here.yaml").exit_code == 0
    assert out.read_text() == written == run("probe", "here", "--clouds", str(clouds_yaml)).stdout


@pytest.mark.parametrize(
    "arguments", [("--json",), ("--compare", "here", "--out", "x"), ("--compare", "here", "--external", "x")]
)
def test_options_that_do_not_go_together(arguments: tuple[str, ...], furnished: Cloud) -> None:
    assert run("probe", "here", *arguments).exit_code == 2
    assert not furnished.asked


def written_for(probe: Probe, stacks: Path) -> None:
    """The file of the cloud `here`, completed."""
    shipped = load_cloud("secnum-paris").model_dump(mode="json", exclude_none=True)
    taken = {key: shipped[key] for key in ("name", "surroundings", "qualification")}
    (stacks / "clouds").mkdir(parents=True)
    values = draft(probe()).values | taken
    (stacks / "clouds" / "here.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


@pytest.fixture
def file(probe: Probe, loaded: LoadedStack, furnished: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOCLE_STACKS", str(tmp_path / "stacks"))
    written_for(probe, tmp_path / "stacks")
    path = tmp_path / "stacks" / "clouds" / "here.yaml"
    path.write_text(path.read_text() + f"ca_certificate: {furnished.authority}\n")
    return path


def test_a_scheduled_job_sees_what_changed(file: Path, furnished: Cloud) -> None:
    same = run("probe", "--compare", "here")
    assert same.exit_code == 0, same.output
    assert "no difference" in same.stdout
    furnished.script(TYPES, Answer(body={"volume_types": [{"id": "2", "name": "plain"}]}), times=2)
    flavour = {"id": "f", "name": "s1", "vcpus": 2, "ram": 2048, "disk": 20, "extra_specs": {"resources:VGPU": "1"}}
    furnished.script(FLAVOURS, Answer(body={"flavors": [flavour]}), times=2)
    changed = run("probe", "--compare", "here")
    assert isinstance(changed.exception, Drifted)
    assert (changed.exception.code, changed.exception.exit_code) == ("SOC-4245", 10)
    assert "volume type luks" in changed.stdout and "memory: 4.0 -> 2" in changed.stdout
    document = json.loads(run("probe", "--compare", "here", "--json").stdout)
    assert [(one["kind"], one["name"]) for one in document["differences"]] == [("missing", "luks"), ("changed", "s1")]


def test_a_cloud_without_a_file(furnished: Cloud) -> None:
    refused = run("probe", "--compare", "nowhere")
    assert isinstance(refused.exception, InputError) and refused.exception.code == "SOC-1202"
    assert not furnished.asked


def test_the_file_s_own_cloud_has_no_difference(file: Path, probe: Probe) -> None:
    assert not differences(load_cloud("here"), probe())
