"""What resources say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from infra.components.cloud_init import user_data
from infra.components.labels import Labels
from socle.stack import load_stack


def test_the_most_sensitive_data_class_counts(stack_file: Callable[..., Path]) -> None:
    data = {"media": "internal", "recordings": "restricted", "transcripts": "public"}
    assert Labels.of(load_stack(str(stack_file(data=data)))).security_need == "restricted"


def test_a_description_begins_with_the_stack_s_mark() -> None:
    labels = Labels("demo", "2026.11", "Owner", "lab", "internal")
    assert labels.description("a node").split() == ["socle:demo", "a", "node"]


def test_tags_hold_nothing_that_neutron_refuses() -> None:
    tags = Labels("demo", "2026.11", "A, B/C", "lab", "internal").tags("x")
    assert "owner=A  B C" in tags
    assert not any("," in tag or "/" in tag for tag in tags)


def test_user_data_is_a_cloud_config_whatever_the_key_holds() -> None:
    key = 'ssh-ed25519 AAAA "quoted": {brace} # comment'
    config = yaml.safe_load(user_data("demo-edge-1", "visio.example", "debian", key))
    assert config["users"][0]["ssh_authorized_keys"] == [key]
    assert config["fqdn"] == "demo-edge-1.visio.example"
