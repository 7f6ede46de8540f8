"""What is wrong for one node stops that node, by name, before it changes anything; the others go on, and so does the
next run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from socle.engine import access, deploy, workspace
from socle.errors import NodeError
from socle.nodes import run, variables
from socle.stack import load_stack
from socle.topology import derive
from tests.lab import breaking
from tests.lab.conftest import Deployment, in_its_folders

pytestmark = pytest.mark.lab

Configure = Callable[..., run.Summary]
PACKAGE = "logrotate"  # that every node has, and can be without for a minute


@pytest.fixture
def configure(deployed: Deployment) -> Iterator[Configure]:
    """`site.yml` on some nodes, with variables that are not what they should be."""
    with in_its_folders(deployed):
        loaded = load_stack(str(deployed.file))
        topology, cloud = derive(loaded), access.connect(loaded)
        made = deploy.outputs(workspace.open_stack(loaded, credentials=False))

        def play(*nodes: str, **extra: Any) -> run.Summary:
            return run.play(loaded, topology, made, cloud, "site.yml", limit=nodes, extra=extra)

        yield play
        assert not play(deployed.nodes("media")[0], deployed.nodes("turn")[0]).changed, "what was wrong left something"


def refused(configure: Configure, *nodes: str, **extra: Any) -> dict[str, str]:
    """Node -> why it was not configured."""
    with pytest.raises(NodeError) as error:
        configure(*nodes, **extra)
    assert error.value.exit_code == NodeError.exit_code
    return dict(line.split(": ", 1) for line in error.value.hint.splitlines())


def process(stack: Deployment, node: str, unit: str) -> str:
    asked = ("systemctl", "show", unit, "-p", "MainPID,ActiveEnterTimestampMonotonic")
    return stack.socle("ssh", stack.name, node, *asked).stdout


def test_a_wrong_variable_is_refused_before_anything_is_changed(deployed: Deployment, configure: Configure) -> None:
    relay = deployed.nodes("turn")[0]
    before = process(deployed, relay, "coturn")
    why = refused(configure, relay, flows="all")
    assert set(why) == {relay}
    assert "flows" in why[relay]
    assert process(deployed, relay, "coturn") == before


def test_an_image_that_the_registry_does_not_have_leaves_the_one_that_runs(
    deployed: Deployment, configure: Configure
) -> None:
    media, relay = deployed.nodes("media")[0], deployed.nodes("turn")[0]
    before = process(deployed, media, "livekit")
    loaded = load_stack(str(deployed.file))
    images: Mapping[str, Any] = variables.images(loaded, derive(loaded))
    wrong = {name: image.pinned for name, image in images.items()}
    wrong["livekit"] = f"{images['livekit'].reference}@sha256:{'0' * 64}"
    why = refused(configure, media, relay, images=wrong)
    assert set(why) == {media}
    assert "Pull the node's images by their digests" in why[media]
    assert process(deployed, media, "livekit") == before


@pytest.fixture
def mirror_down(deployed: Deployment) -> Iterator[Callable[[], None]]:
    """Mirror nodes that serve no packages, until they are told to again."""

    def serve(verb: str) -> None:
        for node in deployed.nodes("mirror"):
            deployed.socle("ssh", deployed.name, node, "sudo", "systemctl", verb, "nginx")

    serve("stop")
    yield lambda: serve("start")
    serve("start")


def test_without_a_mirror_no_job_is_touched_and_the_next_run_fetches_what_lacks(
    deployed: Deployment, configure: Configure, mirror_down: Callable[[], None]
) -> None:
    media, relay = deployed.nodes("media")[0], deployed.nodes("turn")[0]
    before = process(deployed, media, "livekit")
    without = f"apt-get clean; dpkg --remove --force-depends {PACKAGE}"
    deployed.socle("ssh", deployed.name, relay, "sudo", "sh", "-c", f"'{without}'")
    why = refused(configure, media, relay, base_patience=20)  # not the minutes that making a mirror takes
    assert set(why) == {media, relay}
    assert "Install the packages" in why[relay]
    assert "Reach the packages" in why[media]
    assert process(deployed, media, "livekit") == before
    mirror_down()
    assert configure(media, relay).changed


@pytest.mark.nightly  # three minutes until a node counts as lost
def test_a_node_that_is_not_reached_is_named_and_the_others_are_configured(
    deployed: Deployment, configure: Configure
) -> None:
    media, relay = deployed.nodes("media")[0], deployed.nodes("turn")[0]
    with breaking.dead(access.connect(load_stack(str(deployed.file))), relay):
        assert set(refused(configure, media, relay)) == {relay}
    assert not configure(media, relay).changed
