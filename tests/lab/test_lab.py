"""The embedded cloud answers: its state, its APIs over TLS, what it offers, its registry."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from socle.engine import access
from socle.lab import apis
from socle.stack import load_stack
from tests.lab.conftest import SOCLE

pytestmark = pytest.mark.lab


def test_the_lab_says_that_it_is_up() -> None:
    done = subprocess.run([str(SOCLE), "lab", "status", "--json"], capture_output=True, text=True, check=True)
    state = json.loads(done.stdout)
    assert state["state"] == "up"
    assert all(state["services"].values())


def test_every_public_endpoint_is_tls_and_trusted() -> None:
    cloud = access.connect(load_stack("demo"))
    catalogue = cloud.service_catalog
    addresses = [end["url"] for service in catalogue for end in service["endpoints"] if end["interface"] == "public"]
    assert len(addresses) >= 6
    assert all(address.startswith("https://198.51.100.2:") for address in addresses)


def test_a_service_that_was_not_asked_for_is_absent() -> None:
    """Neither in the catalogue nor behind a port; the ones that run are both."""
    cloud = access.connect(load_stack("demo"))
    status = subprocess.run([str(SOCLE), "lab", "status", "--json"], capture_output=True, text=True, check=True)
    offered = apis.offered(json.loads(status.stdout)["groups"])
    kinds = {api.kind for api in apis.BY_NAME.values() if api.kind}
    assert {entry["type"] for entry in cloud.service_catalog} & kinds == {api.kind for api in offered if api.kind}
    answering = {api.name for api in apis.BY_NAME.values() if answers("198.51.100.2", api.port)}
    assert answering == {api.name for api in offered}


def answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def test_it_offers_what_the_cloud_file_says() -> None:
    loaded = load_stack("demo")
    cloud = access.connect(loaded)
    assert {flavour.name for flavour in cloud.compute.flavors()} >= set(loaded.cloud.flavours)
    wanted = loaded.cloud.images["debian-13"].name
    assert wanted in {image.name for image in cloud.image.images()}
    assert loaded.cloud.external_network.name in {network.name for network in cloud.network.networks()}


def test_the_registry_serves_the_image_of_the_overlay_by_its_digest() -> None:
    import requests

    loaded = load_stack("demo")
    image = loaded.release.images["livekit"]
    assert image.digest
    overlay = yaml.safe_load(Path(loaded.cloud.release_overlay or "").read_text(encoding="utf-8"))
    assert overlay["images"]["livekit"]["digest"] == image.digest
    repository = image.reference.partition("/")[2]
    with requests.Session() as session:
        session.trust_env = False
        url = f"https://198.51.100.2/v2/{repository}/manifests/{image.digest}"
        kind = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        answer = session.get(url, headers=kind, verify=loaded.cloud.ca_certificate, timeout=10)
        assert answer.headers["Docker-Content-Digest"] == image.digest
        put = session.put(url, data=b"{}", verify=loaded.cloud.ca_certificate, timeout=10)
        assert put.status_code in (403, 405), "instances may read, never write"
