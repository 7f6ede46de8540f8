"""The rules on PostgreSQL, over what is rendered for a stack that has one, and over files that are not so good."""

from __future__ import annotations

import pytest

from socle.policy.evaluate import evaluate
from socle.policy.model import Model
from socle.policy.mutation import Mutation, added_to_file, in_file
from socle.policy.outcome import Status
from socle.policy.rule import rules
from tests.models import intended

RULES = {one.id: one for one in rules()}
SERVER, LEADER = "patroni/postgresql.conf", "patroni/config.yml"
LINE = "hostssl meet meet "


def judged(control: str, model: Model) -> tuple[Status, str]:
    (finding,) = evaluate(model, [RULES[f"{control}.config"]], ("config",))
    return finding.status, str(finding.seen)


@pytest.mark.parametrize("control", ["STO-07", "STO-08"])
def test_what_is_rendered_passes_and_a_stack_without_a_database_is_not_asked(control: str) -> None:
    assert judged(control, intended("cnrs"))[0] is Status.PASSED
    assert judged(control, intended("demo"))[0] is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("control", "mutation", "said"),
    [
        ("STO-07", in_file("database", SERVER, "^ssl = on", "ssl = off"), "ssl off"),
        ("STO-07", in_file("database", SERVER, "TLSv1.2", "TLSv1"), "from TLSv1 on"),
        ("STO-07", in_file("database", LEADER, LINE, "host meet meet "), "in clear: host meet meet"),
        (
            "STO-07",
            in_file("database", LEADER, "sslmode: verify-full", "sslmode: require"),
            "not verified: replication",
        ),
        ("STO-07", in_file("database", LEADER, "  pg_hba:", "  other:"), "no line of pg_hba.conf"),
        ("STO-08", in_file("database", SERVER, "'scram-sha-256'", "md5"), "digests: md5"),
        ("STO-08", in_file("database", LEADER, LINE, "hostssl all meet "), "hostssl all meet"),
        ("STO-08", in_file("database", LEADER, r"/32 scram-sha-256\Z|/32 scram-sha-256$", "/32 md5"), "/32 md5"),
        ("STO-08", in_file("database", LEADER, r"10\.80\.5\.10/32", "10.80.5.0/24"), "10.80.5.0/24"),
    ],
)
def test_what_is_not_so_good_is_seen(control: str, mutation: Mutation, said: str) -> None:
    status, seen = judged(control, mutation(intended("cnrs")))
    assert status is Status.FAILED
    assert said in seen


def test_a_cache_in_clear_is_seen_beside_the_bus() -> None:
    model = added_to_file("cache", "valkey.conf", "tls-port 0")(intended("cnrs"))
    spoilt = in_file("cache", "valkey.conf", "^port 0", "port 1")(model)
    findings = evaluate(spoilt, [RULES["STO-09.config"]], ("config",))
    assert [finding.fails for finding in findings].count(True) == 1
    assert len(findings) == 2
