"""Proofs for an ACME authority in Designate."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from socle.errors import CloudError
from socle.nodes import challenges
from socle.nodes.challenges import OfDesignate, OfServer
from socle.stack.cloud import DnsUpdate
from socle.stack.load import LoadedStack
from socle.stack.model import Certificates
from tests.cloud import Answer, Cloud

if TYPE_CHECKING:
    from openstack.connection import Connection

ZONE = {"id": "z1", "name": "visio.exemple.example."}
NAME = "_acme-challenge.visio.exemple.example"
SETS = "/dns/v2/zones/z1/recordsets"


def made(status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {"id": "r1", "zone_id": "z1", "name": f"{NAME}.", "type": "TXT", "records": [], "status": status, **more}


@pytest.fixture
def dns(cloud: Cloud, connection: Connection, loaded: LoadedStack) -> OfDesignate:
    cloud.usual("^GET /dns/v2/zones$", {"zones": [ZONE]})
    cloud.usual("^GET /dns/v2/zones/z1$", ZONE)
    cloud.usual(f"^GET {SETS}$", {"recordsets": []})
    return OfDesignate(loaded, loaded.stack.domain, connection)


def body(cloud: Cloud, call: str) -> Any:
    return next(json.loads(text) for one, text in zip(cloud.asked, cloud.bodies, strict=True) if one.startswith(call))


def test_a_proof_is_made_and_waited_for(cloud: Cloud, dns: OfDesignate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "EVERY", 0)
    cloud.usual(f"^POST {SETS}$", made("PENDING"))
    cloud.script(f"^GET {SETS}/r1$", Answer(body=made("PENDING")), Answer(body=made("PENDING")))
    cloud.usual(f"^GET {SETS}/r1$", made())
    dns.put(NAME, "proof")
    sent = body(cloud, f"POST {SETS}")
    assert (sent["name"], sent["type"], sent["records"]) == (f"{NAME}.", "TXT", ['"proof"'])
    assert cloud.count(f"^GET {SETS}/r1$") == 3


def test_what_an_interrupted_run_left_is_replaced_and_goes(cloud: Cloud, dns: OfDesignate) -> None:
    cloud.usual(f"^GET {SETS}$", {"recordsets": [made(records=['"old"'])]})
    cloud.usual(f"^PUT {SETS}/r1$", made())
    cloud.usual(f"^GET {SETS}/r1$", made())
    dns.put(NAME, "new")
    assert body(cloud, f"PUT {SETS}/r1")["records"] == ['"new"']
    dns.withdraw(NAME)
    assert cloud.count(f"^DELETE {SETS}/r1$") == 1


def test_a_name_server_that_serves_nothing_is_no_proof(
    cloud: Cloud, dns: OfDesignate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenges, "SERVED_WITHIN", 0)
    monkeypatch.setattr(challenges, "EVERY", 0)
    cloud.usual(f"^POST {SETS}$", made("PENDING"))
    cloud.usual(f"^GET {SETS}/r1$", made("PENDING"))
    with pytest.raises(CloudError) as caught:
        dns.put(NAME, "proof")
    assert caught.value.code == "SOC-4410"


def test_the_nearest_caa_records_say_who_may_sign(cloud: Cloud, dns: OfDesignate) -> None:
    assert dns.authorities("turn.visio.exemple.example") == []
    record = made(name="visio.exemple.example.", type="CAA", records=['0 issue "authority.example"', '0 issuewild ";"'])
    cloud.usual(f"^GET {SETS}$", {"recordsets": [record]})
    assert dns.authorities("turn.visio.exemple.example") == ["authority.example"]


def test_without_its_zone_there_is_no_proof(cloud: Cloud, dns: OfDesignate) -> None:
    cloud.usual("^GET /dns/v2/zones$", {"zones": []})
    with pytest.raises(CloudError) as caught:
        dns.put(NAME, "proof")
    assert caught.value.code == "SOC-5302"


@pytest.mark.parametrize(
    ("issuer", "update", "kind"),
    [("acme", "designate", OfDesignate), ("acme", "rfc2136", OfServer), ("cloud", "zone-file", type(None))],
)
def test_proofs_are_shown_where_the_names_are_kept(
    loaded: LoadedStack, connection: Connection, issuer: str, update: str, kind: type
) -> None:
    stack = loaded.stack.model_copy(update={"certificates": Certificates.model_construct(issuer=issuer)})
    cloud = loaded.cloud.model_copy(update={"dns": DnsUpdate.model_construct(update=update)})
    found = challenges.challenges(replace(loaded, stack=stack, cloud=cloud), "visio.exemple.example", connection)
    assert isinstance(found, kind)
