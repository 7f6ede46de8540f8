"""Visio itself: people log in at a provider, open a room, and meet there.

Needs the images of La Suite Meet: no stand-in holds a room.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from socle.lab import access as handed
from socle.lab import images, wiring
from socle.nodes.outputs import Outputs
from socle.probe import call
from socle.probe.native import Native
from socle.stack import load_stack
from socle.topology import Topology, derive
from tests.lab.conftest import Deployment, made, provider
from tests.lab.people import Browser

WHY = "SOCLE_IMAGES names no folder with La Suite Meet"
pytestmark = [pytest.mark.lab, pytest.mark.skipif(not os.environ.get(images.VARIABLE), reason=WHY)]


@pytest.fixture(scope="module")
def topology(deployed: Deployment) -> Topology:
    return derive(load_stack(str(deployed.file)))


@pytest.fixture(scope="module")
def outputs(deployed: Deployment) -> Outputs:
    return made(deployed)


@pytest.fixture(scope="module")
def people(deployed: Deployment, topology: Topology, outputs: Outputs) -> list[Browser]:
    """Logged in."""
    name = topology.record("visio").fqdn
    (front,) = topology.fronts
    services = str(wiring.wiring().services)
    where = {name: outputs.fronts[front.name], f"identity.{wiring.wiring().domain}": services}
    browsers = []
    for user in provider()["users"]:
        browser = Browser(f"https://{name}", where, str(handed.CERTIFICATE))
        page = browser.log_in(user["email"], user["password"])
        assert (page.status_code, page.url.rstrip("/")) == (200, browser.origin)
        browsers.append(browser)
    return browsers


def test_two_people_log_in_and_meet_in_a_room(people: list[Browser], topology: Topology, outputs: Outputs) -> None:
    one, other = people
    mails = [browser.asked("users/me/").json()["email"] for browser in people]
    assert mails == [user["email"] for user in provider()["users"]]
    room = one.posted("rooms/", {"name": "Réunion d'essai"})
    assert room.status_code == 201, room.text
    joined = [browser.asked(f"rooms/{room.json()['id']}/").json()["livekit"] for browser in (one, other)]
    signalling = topology.record("signalling").fqdn
    assert {seat["url"] for seat in joined} == {f"https://{signalling}"}
    (front,) = topology.fronts
    door = call.Door(signalling, outputs.fronts[front.name], topology.flows.get("https").port)
    media = tuple(outputs[node.name].floating_address or "" for node in topology.tier("media").nodes)
    tokens = (joined[0]["token"], joined[1]["token"])
    result = Native().call(call.CallPlan("direct", door, tokens, media, Path(handed.CERTIFICATE)))
    assert not result.failure


def test_who_is_not_logged_in_gets_no_token(people: list[Browser]) -> None:
    room = people[0].posted("rooms/", {"name": "Entre nous"}).json()
    stranger = Browser(people[0].origin, people[0].where, people[0].authority)
    answer = stranger.asked(f"rooms/{room['id']}/")
    assert "token" not in json.dumps(answer.json().get("livekit") or {}), answer.text
    assert stranger.asked("users/me/").status_code == 401
    assert stranger.posted("rooms/", {"name": "Une autre"}).status_code in (401, 403)


@pytest.mark.parametrize("path", ["__error__", "__version__", "__heartbeat__", "jwks", "admin/", "external-api/v1.0/"])
def test_what_is_not_for_users_is_closed(people: list[Browser], path: str) -> None:
    assert people[0].get(f"{people[0].origin}/{path}").status_code in (403, 404)
