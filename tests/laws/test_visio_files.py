"""What must hold for Visio's own nodes, and for the edge before them, in every stack that has them."""

from __future__ import annotations

import re

import pytest

from policies.formats import environment, nginx, sections
from policies.rules import visio as rules_of_visio
from socle.nodes import outputs, render, variables
from socle.policy.evaluate import evaluate
from socle.policy.outcome import Status
from socle.policy.rule import rules
from socle.stack import load_stack
from socle.topology import derive
from socle.topology.flows import Place
from socle.topology.tiers import role_of
from tests.conftest import STACKS
from tests.models import files_of, intended, topology_of

ENV, LINKS = "/etc/visio/visio.env", "/etc/visio/links.env"
UNITS = "/etc/containers/systemd/"
NGINX, HAPROXY = "/etc/nginx/nginx.conf", "/etc/haproxy/haproxy.cfg"


WITH = [stack for stack in STACKS if topology_of(stack).has("application")]
WITHOUT = [stack for stack in STACKS if stack not in WITH]


def tiers(stack: str) -> list[str]:
    return [tier.name for tier in topology_of(stack).tiers if role_of(tier.name) == "application"]


def addresses(stack: str, *names: str) -> set[str]:
    return {node.address for node in topology_of(stack).nodes if node.tier in names}


def test_both_kinds_of_stacks_are_looked_at() -> None:
    assert len(WITH) >= 4
    assert "demo" in WITHOUT


@pytest.mark.parametrize("stack", WITH)
def test_the_environment_is_what_meet_reads(stack: str) -> None:
    """An empty variable stops it or switches a check off, quotes stay in the value, a list is no JSON."""
    for tier in tiers(stack):
        files = files_of(stack)
        for path in (ENV, LINKS):
            found = environment(files[tier, path])
            assert found
            for name, value in found.items():
                assert re.fullmatch(r"[A-Z][A-Z0-9_]*", name), name
                assert value == value.strip() != "", name
                assert value[0] not in "\"'[", f"{name}={value}"
                assert value not in ("true", "false", "None", "null"), name


@pytest.mark.parametrize("stack", WITH)
def test_a_secret_is_a_file_or_part_of_an_address(stack: str) -> None:
    for tier in tiers(stack):
        files = files_of(stack)
        assert "value-of" not in files[tier, ENV]
        named = {value for name, value in environment(files[tier, ENV]).items() if name.endswith("_FILE")}
        named -= {environment(files[tier, ENV])["SSL_CERT_FILE"]}
        assert named == {path for of_tier, path in files if of_tier == tier and path.startswith("/etc/visio/secrets/")}
        for (owner, path), text in files.items():
            if owner == tier and path.startswith(UNITS):
                assert "value-of" not in text, path
    assert ("workers", "/etc/visio/secrets/oidc") not in files_of(stack), "workers log nobody in"


@pytest.mark.parametrize("stack", WITH)
def test_jobs_go_to_a_queue_where_a_worker_is(stack: str) -> None:
    topology, files = topology_of(stack), files_of(stack)
    for tier in tiers(stack):
        env = environment(files[tier, ENV])
        assert (env["CELERY_ENABLED"] == "True") is topology.has("workers")
        assert ("CELERY_BROKER_URL" in environment(files[tier, LINKS])) is topology.has("workers")
    assert (("workers", f"{UNITS}visio-worker.container") in files) is topology.has("workers")


@pytest.mark.parametrize("stack", WITH)
def test_daily_jobs_are_on_one_node(stack: str) -> None:
    loaded = load_stack(stack)
    topology = derive(loaded)
    made = outputs.placeholders(topology)
    common = variables.common(loaded, topology, made, "ssh-ed25519 key", render.Placeholder("trust\n"))
    common["secrets"] = render.placeholder_secrets(topology)
    having: dict[str, list[str]] = {}
    for node in topology.nodes:
        if role_of(node.tier) == "application":
            values = {**common, **variables.of_node(topology, node, made), **render.FOUND}
            for path in render.node_files(node.tier, values):
                if path.endswith(".timer"):
                    having.setdefault(path.rpartition("/")[2], []).append(node.name)
    assert set(having) == {"visio-clean-pending-files.timer", "visio-purge-deleted-files.timer"}
    assert {len(nodes) for nodes in having.values()} == {1}


@pytest.mark.parametrize("stack", WITH)
def test_containers_have_one_account_no_right_and_nothing_to_write(stack: str) -> None:
    for tier in tiers(stack):
        own = {path: text for (owner, path), text in files_of(stack).items() if owner == tier}
        units = {path: text for path, text in own.items() if path.startswith(UNITS)}
        assert len(units) >= 3
        for text in units.values():
            unit = sections(text)["Container"]
            assert (unit["User"], unit["Group"]) == (("971",), ("971",))
            assert unit["ReadOnly"] == unit["NoNewPrivileges"] == ("true",)
            assert unit["DropCapability"] == ("all",)
            assert unit["Pull"] == ("never",)
            assert [mount.partition(":")[0] for mount in unit["Tmpfs"]] == ["/tmp"]
            assert all(volume.endswith(":ro") for volume in unit.get("Volume", ()))
            assert "HOME=/tmp" in unit["Environment"]
            own = unit["HostName"][0]  # looked up when it starts
            assert any(one.startswith(f"{own}:") for one in unit["AddHost"])


@pytest.mark.parametrize("stack", WITH)
def test_every_name_that_is_mapped_to_loopback_has_a_way_on(stack: str) -> None:
    """HAProxy listens where the container asks, and leads to nodes that the matrix opens."""
    topology, files = topology_of(stack), files_of(stack)
    for tier in tiers(stack):
        ways = files[tier, HAPROXY]
        binds = {int(port) for port in re.findall(r"bind 127\.0\.0\.1:(\d+)", ways)}
        assert not re.search(r"bind (?!127\.0\.0\.1:)", ways)
        local = [flow for flow in topology.flows.into(tier) if flow.name.startswith("local-")]
        assert {flow.source for flow in local} == {Place.LOOPBACK}
        assert binds == {flow.port for flow in local}
        open_ = {(flow.target, flow.port) for flow in topology.flows.out_of(tier)}
        servers = re.findall(r"server \S+ ([\d.]+):(\d+)", ways)
        assert servers
        for address, port in servers:
            owner = next(node.tier for node in topology.nodes if node.address == address)
            assert (owner, int(port)) in open_, f"{owner}:{port}"
        names = re.findall(r"AddHost=(\S+):127\.0\.0\.1", files[tier, f"{UNITS}visio-migrate.container"])
        asked = set(re.findall(r"req\.ssl_sni -i (\S+)", ways))
        assert asked <= set(names)
        mail = load_stack(stack).cloud.surroundings.mail
        assert set(names) - asked == {f"cache.{topology.domain}", *([mail.name] if mail else [])}


@pytest.mark.parametrize("stack", WITH)
def test_the_cache_is_reached_over_tls_by_its_name_at_its_leader(stack: str) -> None:
    topology, files = topology_of(stack), files_of(stack)
    for tier in tiers(stack):
        for url in environment(files[tier, LINKS]).values():
            assert url.startswith("rediss://visio:value-of-cache_password@cache.")
        checked = re.search(r"(?s)listen cache.*?\n\n", files[tier, HAPROXY])
        assert checked
        assert "role:master" in checked[0]
        assert ("connected_slaves" in checked[0]) is (len(topology.tier("cache").nodes) > 1)
        assert checked[0].count("verify required") == len(topology.tier("cache").nodes)


@pytest.mark.parametrize("stack", WITH)
def test_the_database_is_asked_at_all_its_nodes(stack: str) -> None:
    for tier in tiers(stack):
        env = environment(files_of(stack)[tier, ENV])
        assert set(env["DB_HOST"].split(",")) == addresses(stack, "database")
        assert (env["PGSSLMODE"], env["PGTARGETSESSIONATTRS"]) == ("verify-full", "read-write")


@pytest.mark.parametrize("stack", WITH)
def test_the_edge_closes_what_is_not_for_users(stack: str) -> None:
    text = files_of(stack)["edge", NGINX]
    assert rules_of_visio._let_in(text, "/admin") == addresses(stack, "bastion")
    assert rules_of_visio._let_in(text, "/api/v1.0/rooms/webhooks-livekit/") == addresses(stack, "media")
    twirp = re.search(r"location /twirp/ \{([^}]*)\}", text)
    assert twirp
    assert set(re.findall(r"allow (\S+);", twirp[1])) == addresses(stack, *tiers(stack))
    assert "deny all;" in twirp[1]


@pytest.mark.parametrize("stack", WITH)
def test_each_header_is_said_once_and_what_clients_say_of_themselves_is_not_passed_on(stack: str) -> None:
    said = nginx(files_of(stack)["edge", NGINX])
    block = next(d.block for d in said if d.name == "server_name" and d.arguments == (topology_of(stack).domain,))
    own = [d for d in said if d.block == block]
    added = [d.arguments[0] for d in own if d.name == "add_header"]
    assert len(added) == len(set(added)) >= 6
    assert set(added) <= {d.arguments[0] for d in own if d.name == "proxy_hide_header"}
    passed = {d.arguments[0]: d.arguments[1] for d in own if d.name == "proxy_set_header"}
    assert passed["X-Forwarded-Proto"] == "https"
    assert passed["X-Forwarded-For"] == "$remote_addr"
    assert passed["Forwarded"] == passed["X-Original-URL"] == ""
    # a location that sets one header of its own passes on none of these: it says them again, or passes nothing on
    signalling = next(d.block for d in said if d.name == "server_name" and d.arguments[0].startswith("livekit."))
    inside = {d.block for d in said if d.name == "proxy_set_header" and block < d.block < signalling}
    for one in inside:
        mine = [d for d in said if d.block == one]
        silent = any((d.name, d.arguments) == ("proxy_pass_request_headers", ("off",)) for d in mine)
        again = {d.arguments[0] for d in mine if d.name == "proxy_set_header"}
        assert silent or {"Host", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Original-URL"} <= again
    assert bool(inside) is topology_of(stack).has("recording")


@pytest.mark.parametrize("stack", WITH)
def test_livekit_tells_visio_through_an_edge(stack: str) -> None:
    topology, files = topology_of(stack), files_of(stack)
    unit = sections(files["media", f"{UNITS}livekit.container"])["Container"]
    mapped = {one.rpartition(":")[2] for one in unit["AddHost"] if one.startswith(f"{topology.domain}:")}
    assert mapped == addresses(stack, "edge")
    assert f"https://{topology.domain}/api/v1.0/rooms/webhooks-livekit/" in files["media", "/etc/livekit/livekit.yaml"]
    assert topology.flows.get("events").target == "edge"


@pytest.mark.parametrize("stack", WITHOUT)
def test_without_visio_nothing_speaks_of_it(stack: str) -> None:
    topology, files = topology_of(stack), files_of(stack)
    assert not {flow.name for flow in topology.flows} & {"site", "events", "rooms", "admin-pages", "upstream-identity"}
    assert "webhook" not in files["media", "/etc/livekit/livekit.yaml"]
    assert "AddHost" not in files["media", f"{UNITS}livekit.container"]
    assert "proxy_pass http://pages" not in files["edge", NGINX]
    assert ("edge", "/var/www/socle/maintenance.html") not in files
    assert not {"visio_key", "oidc_client_secret", "cache_password"} & {one.name for one in topology.secrets}


@pytest.mark.parametrize("stack", WITH)
def test_no_rule_on_visio_fails(stack: str) -> None:
    own = [one for one in rules() if one.judge.__module__ == rules_of_visio.__name__]
    assert len(own) >= 10
    findings = evaluate(intended(stack), own, ("config",))
    assert not [f"{f.rule} {f.subject}: {f.seen}" for f in findings if f.fails]
    # what nobody can know before ProConnect was asked
    unknown = {f.rule for f in findings if f.status is Status.UNKNOWN}
    proconnect = load_stack(stack).stack.identity.provider == "proconnect"
    # and what the phone operator's contract says of attempts
    phones = topology_of(stack).has("telephony")
    assert unknown == {*(["APP-07.config"] if proconnect else []), *(["APP-09.config"] if phones else [])}
