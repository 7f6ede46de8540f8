"""Who deploys: what the engine is told, and what it is not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from socle.engine import access
from socle.errors import CloudError
from socle.stack import load_stack
from socle.stack.load import LoadedStack

PASSWORD = {"username": "anna", "password": "p", "user_domain_name": "Default", "project_domain_name": "Default"}
APPLICATION = {"application_credential_id": "an id", "application_credential_secret": "a secret"}


def with_credentials(tmp_path: Path, **entry: Any) -> LoadedStack:
    file = tmp_path / "clouds.yaml"
    loaded = load_stack("demo")
    entry.setdefault("auth", {})["auth_url"] = loaded.cloud.auth_url
    file.write_text(yaml.safe_dump({"clouds": {"lab": entry}}))
    return replace(loaded, cloud=loaded.cloud.model_copy(update={"credentials": str(file)}))


def said(loaded: LoadedStack) -> dict[str, str]:
    return {name: value for name, value in access.environment(loaded).items() if value and name != "OS_CACERT"}


def test_a_user_signs_in_with_a_password(tmp_path: Path) -> None:
    told = said(with_credentials(tmp_path, auth=dict(PASSWORD)))
    assert set(told) == {"OS_USERNAME", "OS_PASSWORD", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"}


def test_an_application_credential_stands_alone(tmp_path: Path) -> None:
    loaded = with_credentials(tmp_path, auth_type="v3applicationcredential", auth=dict(APPLICATION))
    assert said(loaded) == {
        "OS_APPLICATION_CREDENTIAL_ID": "an id",
        "OS_APPLICATION_CREDENTIAL_SECRET": "a secret",
    }


@pytest.mark.parametrize("stray", ["OS_PASSWORD", "OS_USERNAME", "OS_TOKEN", "OS_PROJECT_ID", "OS_TENANT_ID"])
def test_a_variable_of_the_caller_s_decides_nothing(
    stray: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugin takes a password before an application credential, and a project's number before its name."""
    monkeypatch.setenv(stray, "stray")
    loaded = with_credentials(tmp_path, auth_type="v3applicationcredential", auth=dict(APPLICATION))
    seen_by_the_engine = {**os.environ, **access.environment(loaded)}
    assert seen_by_the_engine[stray] == ""


def connection(project: str) -> Any:
    auth = SimpleNamespace(get_access=lambda _session: SimpleNamespace(project_name=project))
    return SimpleNamespace(session=SimpleNamespace(auth=auth))


def test_credentials_of_another_project_are_refused() -> None:
    loaded = load_stack("demo")
    access._require_project(loaded, connection(loaded.cloud.project))
    with pytest.raises(CloudError, match="elsewhere is not socle") as refused:
        access._require_project(loaded, connection("elsewhere"))
    assert refused.value.code == "SOC-4111"
