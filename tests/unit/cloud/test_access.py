"""The way to a cloud: its address, its certificate, its catalogue, and who one is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from socle.engine import access, inventory
from socle.engine.patience import Patience
from socle.stack.load import LoadedStack
from tests.cloud import Clock, Cloud, refusal

if TYPE_CHECKING:
    pass


def with_credentials(loaded: LoadedStack, file: Path, text: str) -> LoadedStack:
    file.write_text(text)
    return replace(loaded, cloud=loaded.cloud.model_copy(update={"credentials": str(file)}))


def test_a_service_that_the_catalogue_lacks(cloud: Cloud, loaded: LoadedStack, patience: Patience) -> None:
    elsewhere = replace(loaded, cloud=loaded.cloud.model_copy(update={"region": "elsewhere"}))
    refused = refusal(lambda: inventory.everything(access.connect(elsewhere, patience)))
    assert refused.code == "SOC-4127"
    assert "elsewhere" in refused.hint


def test_the_cloud_file_says_where_and_clouds_yaml_only_who(
    cloud: Cloud, loaded: LoadedStack, patience: Patience, tmp_path: Path
) -> None:
    entry = yaml.safe_load(Path(str(loaded.cloud.credentials)).read_text())["clouds"]["here"]
    entry["auth"] |= {"auth_url": "https://192.0.2.1:5000/v3", "project_name": "another"}
    text = yaml.safe_dump({"clouds": {"here": {**entry, "region_name": "another"}}})
    inventory.everything(access.connect(with_credentials(loaded, tmp_path / "clouds.yaml", text), patience))
    assert b'"visio"' in next(body for body in cloud.bodies if b"password" in body)


def test_the_engine_is_told_who_and_nothing_else(loaded: LoadedStack, tmp_path: Path) -> None:
    names = {"OS_USERNAME", "OS_PASSWORD", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME", "OS_CACERT"}
    assert {name for name, value in access.environment(loaded).items() if value} == names


def test_an_application_credential_brings_its_own_project(
    cloud: Cloud, loaded: LoadedStack, patience: Patience, tmp_path: Path
) -> None:
    auth = {"application_credential_id": "a", "application_credential_secret": "s"}
    text = yaml.safe_dump({"clouds": {"here": {"auth_type": "v3applicationcredential", "auth": auth}}})
    access.connect(with_credentials(loaded, tmp_path / "clouds.yaml", text), patience)
    assert b'"application_credential"' in cloud.bodies[-1] and b'"visio"' not in cloud.bodies[-1]


def test_an_unknown_authority_is_not_tried_again(
    cloud: Cloud, loaded: LoadedStack, patience: Patience, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with Cloud(tmp_path / "other") as other:
        known = loaded.cloud.model_copy(update={"ca_certificate": str(other.authority)})
        refused = refusal(lambda: access.connect(replace(loaded, cloud=known), patience))
    assert refused.code == "SOC-4104"
    assert clock.slept == [] and cloud.asked == []


@pytest.mark.parametrize(
    "entry", ["", "clouds: 7", "clouds: {here: 7}", "clouds: {here: {auth: {}}}", "[", "clouds: {}"]
)
def test_credentials_that_cannot_be_used(loaded: LoadedStack, patience: Patience, entry: str, tmp_path: Path) -> None:
    unusable = with_credentials(loaded, tmp_path / "clouds.yaml", entry)
    assert refusal(lambda: access.connect(unusable, patience)).code == "SOC-4101"


def test_nobody_listens(loaded: LoadedStack, patience: Patience, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    with Cloud(tmp_path / "gone") as gone:
        url = gone.url
    nowhere = loaded.cloud.model_copy(update={"auth_url": f"{url}/v3"})
    assert refusal(lambda: access.connect(replace(loaded, cloud=nowhere), patience)).code == "SOC-4102"
    assert clock.slept == []
