"""The lab's registry holds what it was given: the application's images where they are there, else marked stand-ins."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
import yaml

from socle.images import verify, wanted
from socle.images.registry import Registry
from socle.lab import images, stand_ins
from socle.stack import load_stack

pytestmark = pytest.mark.lab


def overlay() -> dict[str, dict[str, object]]:
    loaded = load_stack("demo")
    found: dict[str, dict[str, object]] = yaml.safe_load(Path(loaded.cloud.release_overlay or "").read_text())["images"]
    return found


def test_a_run_that_was_given_the_images_deploys_them_and_no_stand_in() -> None:
    """With SOCLE_IMAGES every image of the folder is the overlay's, by its digest; without it each is marked."""
    listed = overlay()
    given = images.given()
    if not os.environ.get(images.VARIABLE):
        assert given is None
        marked = {name for name, entry in listed.items() if entry.get("stand_in")}
        assert marked in (set(stand_ins.FILES), set()), "all of them, or none in a lab that was given the images before"
        return
    assert given is not None and given.archives
    assert not [name for name, entry in listed.items() if entry.get("stand_in")]
    for name, file in given.archives.items():
        with tarfile.open(file) as tar:
            index = json.load(tar.extractfile("index.json") or io.BytesIO())
        assert listed[name]["digest"] == index["manifests"][0]["digest"]


def test_every_image_of_the_overlay_is_in_the_registry_whole() -> None:
    loaded = load_stack("demo")
    registry: Registry = wanted.registry(None, loaded.cloud)
    found = {check.image: check for check in verify.verify(loaded.release, registry).checks if check.what == "digest"}
    assert set(found) >= {"livekit", *stand_ins.FILES}
    assert {found[name].outcome for name in overlay()} == {"pass"}
