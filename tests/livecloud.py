"""A cloud as it tells of itself, in plain data, and its file as a person would complete it."""

from __future__ import annotations

from typing import Any

from socle.cloudfile.draft import draft
from socle.cloudfile.model import LiveCloud, LiveFlavour, LiveImage, LiveNetwork, LiveVolumeType, LiveZone, Source
from socle.cloudfile.write import text
from socle.stack.cloud import Cloud
from socle.stack.explain import validate
from socle.stack.yaml_marks import parse

DIGEST = "ab" * 64
ZONES = (LiveZone("paris-1a"), LiveZone("paris-1b"))
NETWORKS = (LiveNetwork("ext-net", ("203.0.113.0/24",)),)
FLAVOURS = (LiveFlavour("s1.small", 2, 4096, 20, specs={}), LiveFlavour("m1.tiny", 1, 1500, 10, specs={}))
IMAGES = (LiveImage("Debian 12", "debian", "12"), LiveImage("Debian 13", "debian", "13", "", "sha512", DIGEST))
LIVE = LiveCloud(
    source=Source("paris", "/etc/openstack/clouds.yaml"),
    region="paris-1",
    auth_url="https://identity.paris.example:5000/v3",
    project="visio",
    services=("block-storage", "compute", "dns", "identity", "image", "load-balancer", "network", "orchestration"),
    zones={"compute": ZONES, "block-storage": ZONES, "network": ZONES},
    networks=NETWORKS,
    flavours=FLAVOURS,
    images=IMAGES,
    volume_types=(LiveVolumeType("luks", True), LiveVolumeType("plain", False)),
    balancers=("amphora", "octavia"),
    objects=None,
    limits={"compute": {"instances": 20, "cores": -1}, "block-storage": None, "network": {"ports": 100}},
)
WRITTEN: dict[str, Any] = {
    "name": "Paris",
    "surroundings": {
        kind: {"address": f"203.0.113.{number}", "name": f"{kind}.ministry.example"}
        for number, kind in enumerate(("names", "time", "mirror", "registry"), start=1)
    },
    "qualification": {"scheme": "none"},
}


def completed(live: LiveCloud, **written: Any) -> Cloud:
    """The file as a person would complete it: read as the tool reads cloud files."""
    document = parse(text(draft(live)), "paris.yaml")
    for key, value in {**WRITTEN, **written}.items():
        there = document.data.get(key)
        document.data[key] = {**there, **value} if isinstance(there, dict) else value
    return validate(Cloud, document, "a cloud file")
