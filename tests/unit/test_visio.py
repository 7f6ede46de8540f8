"""Who says who the users are, and the secret that somebody outside hands over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.formats import environment
from socle.errors import InputError, NodeError
from socle.nodes import handed, render, variables, vault
from socle.policy.evaluate import evaluate
from socle.policy.model import Model
from socle.policy.rule import rules
from socle.stack import load_stack
from socle.stack.cloud import Relay, Service
from socle.stack.load import LoadedStack
from socle.topology import derive, identity
from socle.topology.tiers import TIERS, role_of
from tests.models import intended, pairs, with_pairs

Write = Callable[..., Path]
REASON = "left out, for the sake of this test"
OWN = {"authorization": "https://id.example/a", "token": "https://id.example:5556/t", "userinfo": "https://id.example/u",
       "jwks": "https://id.example/k"}  # fmt: skip


def provider(stack_file: Write, **given: Any) -> identity.Provider:
    found = identity.provider(load_stack(str(stack_file(**given))).stack)
    assert found
    return found


def test_proconnect_s_endpoints_follow_from_the_environment(stack_file: Write) -> None:
    real = provider(stack_file, identity={"provider": "proconnect"})
    trial = provider(stack_file, identity={"provider": "proconnect"}, environment="preproduction")
    assert real.token == "https://auth.agentconnect.gouv.fr/api/v2/token"
    assert real.logout == "https://auth.agentconnect.gouv.fr/api/v2/session/end"
    assert (real.pkce, real.extra) == (False, {"acr_values": "eidas1"})
    assert real.name != trial.name
    rie = {"provider": "proconnect", "issuer": "https://auth.agentconnect.rie.gouv.fr/api/v2", "pkce": True}
    assert provider(stack_file, identity=rie).name == "auth.agentconnect.rie.gouv.fr"
    assert provider(stack_file, identity=rie).pkce


def test_keycloak_s_endpoints_follow_from_its_realm(stack_file: Write) -> None:
    found = provider(stack_file, identity={"provider": "oidc", "issuer": "https://id.example:8443/realms/agents/"})
    assert found.jwks == "https://id.example:8443/realms/agents/protocol/openid-connect/certs"
    assert (found.name, found.port, found.pkce) == ("id.example", 8443, True)


def test_others_are_written_and_nodes_ask_where_the_token_endpoint_is(stack_file: Write) -> None:
    given = {"provider": "oidc", "issuer": "https://id.example", "endpoints": OWN}
    found = provider(stack_file, identity=given)
    assert (found.name, found.port, found.logout) == ("id.example", 5556, None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"identity": {"provider": "none"}}, "SOC-1225"),
        ({"identity": {"provider": "oidc", "issuer": "https://id.example"}}, "SOC-1226"),
        ({"identity": {"provider": "oidc", "issuer": "https://id.example/realms/x"}}, "SOC-1227"),
        ({"overrides": {"cache": {"nodes": 0, "reason": REASON}}}, "SOC-1228"),
        ({"overrides": {"application": {"nodes": 0, "reason": REASON}}}, "SOC-1228"),
    ],
)
def test_a_stack_that_could_log_nobody_in_is_refused_at_its_place(
    stack_file: Write, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(InputError) as refused:
        derive(load_stack(str(stack_file(**changes))))
    assert refused.value.code == code
    assert refused.value.where
    assert refused.value.hint


def test_a_release_without_visio_s_images_is_refused_where_visio_runs(stack_file: Write) -> None:
    loaded = load_stack(str(stack_file()))
    images = {name: image for name, image in loaded.release.images.items() if not name.startswith("meet-")}
    poorer = replace(loaded, release=loaded.release.model_copy(update={"images": images}))
    with pytest.raises(InputError) as refused:
        derive(poorer)
    assert refused.value.code == "SOC-1211"
    calls = {tier: {"nodes": 0, "reason": REASON} for tier in ("application", "workers", "database", "cache")}
    loaded = load_stack(str(stack_file(overrides=calls, identity={"provider": "none"})))
    alone = replace(loaded, release=loaded.release.model_copy(update={"images": images}))
    assert set(variables.images(alone, derive(alone))) == {"livekit"}


def test_workers_have_the_role_of_application_nodes() -> None:
    assert {tier for tier in TIERS if role_of(tier) == "application"} == {"application", "workers"}


# --- the secret that is handed over ---


@pytest.fixture
def loaded(stack_file: Write, tmp_path: Path) -> LoadedStack:
    secret = {"provider": "proconnect", "secret_file": str(tmp_path / "oidc.secret")}
    return with_pairs(load_stack(str(stack_file(identity=secret))), pairs(tmp_path))


def test_a_secret_that_nobody_handed_over_stops_before_anything_is_made(loaded: LoadedStack) -> None:
    topology = derive(loaded)
    with pytest.raises(NodeError) as refused:
        handed.require(loaded, topology, dict)
    assert refused.value.code == "SOC-5214"
    assert "oidc.secret" in refused.value.hint


def test_it_is_taken_into_the_vault_kept_there_and_replaced_by_a_new_one(
    loaded: LoadedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socle.nodes.certificates.current_or_new", lambda *_: {"key": "k", "certificate": "c"})
    topology = derive(loaded)
    file = Path(loaded.stack.identity.secret_file or "")
    file.write_text("first\n")
    handed.require(loaded, topology, dict)
    assert vault.open_vault(loaded, topology).token("oidc_client_secret") == "first"
    file.unlink()
    handed.require(loaded, topology, lambda: vault.read_vault(loaded.name))
    assert vault.open_vault(loaded, topology).token("oidc_client_secret") == "first"
    file.write_text("second\n")
    assert vault.open_vault(loaded, topology).token("oidc_client_secret") == "second"
    assert "second" not in vault.vault_file(loaded.name).read_text()


def test_a_file_that_cannot_be_read_is_an_error_of_its_own(loaded: LoadedStack) -> None:
    Path(loaded.stack.identity.secret_file or "").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NodeError) as refused:
        handed.require(loaded, derive(loaded), dict)
    assert refused.value.code == "SOC-5215"


# --- surroundings on other ports ---


def test_servers_around_the_stack_are_reached_on_their_own_ports(stack_file: Write) -> None:
    given = {"provider": "oidc", "issuer": "https://id.example", "endpoints": OWN}
    loaded = load_stack(str(stack_file(identity=given)))
    around = loaded.cloud.surroundings.model_copy(
        update={
            "identity": Service(address="203.0.113.91", name="id.example", port=9443),
            "mail": Relay(address="203.0.113.92", name="smtp.example", port=465),
        }
    )
    loaded = replace(loaded, cloud=loaded.cloud.model_copy(update={"surroundings": around}))
    topology = derive(loaded)
    files = render.render(loaded, topology)
    assert "id.example 203.0.113.91:9443;" in files["mirror", "/etc/nginx/nginx.conf"]
    assert "bind 127.0.0.1:5556" in files["application", "/etc/haproxy/haproxy.cfg"]
    env = environment(files["application", "/etc/visio/visio.env"])
    assert (env["DJANGO_EMAIL_PORT"], env["DJANGO_EMAIL_USE_SSL"]) == ("587", "True")
    assert "DJANGO_EMAIL_USE_TLS" not in env


def test_without_a_mail_relay_no_variable_speaks_of_mail(stack_file: Write) -> None:
    loaded = load_stack(str(stack_file()))
    around = loaded.cloud.surroundings.model_copy(update={"mail": None})
    loaded = replace(loaded, cloud=loaded.cloud.model_copy(update={"surroundings": around}))
    topology = derive(loaded)
    assert not [flow.name for flow in topology.flows if "mail" in flow.name]
    env = environment(render.render(loaded, topology)["application", "/etc/visio/visio.env"])
    assert not [name for name in env if name.startswith("DJANGO_EMAIL")]


# --- every assertion on the environment trips its rule ---

BAD = [
    ("APP-06", "DJANGO_CONFIGURATION", "Demo"), ("APP-06", "DJANGO_ALLOWED_HOSTS", "*"),
    ("APP-06", "DJANGO_CSRF_TRUSTED_ORIGINS", "http://visio.armees.example"),
    ("APP-06", "DJANGO_CORS_ALLOW_ALL_ORIGINS", "True"), ("APP-06", "DB_PASSWORD_FILE", None),
    ("APP-06", "EXTERNAL_API_ENABLED", "True"), ("APP-06", "DJANGO_CONFIGURATION", ""),
    ("APP-07", "OIDC_USE_PKCE", "False"), ("APP-07", "OIDC_USE_NONCE", "False"), ("APP-07", "OIDC_VERIFY_SSL", ""),
    ("APP-07", "OIDC_REDIRECT_REQUIRE_HTTPS", None), ("APP-07", "OIDC_RP_SIGN_ALGO", "HS256"),
    ("APP-07", "OIDC_REDIRECT_ALLOWED_HOSTS", '["visio.armees.example"]'),
    ("APP-07", "OIDC_REDIRECT_ALLOWED_HOSTS", None),
    ("APP-07", "OIDC_FALLBACK_TO_EMAIL_FOR_IDENTIFICATION", "True"),
    ("APP-09", "ROOM_TELEPHONY_ENABLED", "True"), ("APP-10", "ALLOW_UNREGISTERED_ROOMS", None),
    ("APP-10", "RESOURCE_DEFAULT_ACCESS_LEVEL", "public"), ("APP-10", "ALLOW_UNSECURE_USER_LISTING", "True"),
    ("APP-10", "EXTERNAL_API_ALLOW_PUBLIC_ACCESS", "True"), ("APP-10", "EXTERNAL_API_DEFAULT_ACCESS_LEVEL", "public"),
    ("APP-12", "SESSION_COOKIE_AGE", "1209600"), ("APP-14", "FRONTEND_ANALYTICS", "{'id': 'x'}"),
    ("APP-14", "FRONTEND_SUPPORT", "{'id': 'x'}"), ("APP-14", "SIGNUP_NEW_USER_TO_MARKETING_EMAIL", "True"),
    ("APP-14", "FRONTEND_FEEDBACK", "{'url': 'https://forms.elsewhere.example/x'}"),
    ("APP-15", "FILE_UPLOAD_ENABLED", "True"), ("TLS-14", "PGSSLMODE", "require"), ("TLS-14", "PGSSLMODE", None),
    ("TLS-14", "LIVEKIT_VERIFY_SSL", "False"), ("TLS-14", "LIVEKIT_API_URL", "http://10.83.2.10:7880"),
    ("TLS-14", "SSL_CERT_FILE", None), ("TLS-14", "DJANGO_EMAIL_USE_TLS", "False"),
    ("TLS-14", "OIDC_OP_TOKEN_ENDPOINT", "http://identite.armees.example/token"),
]  # fmt: skip


def changed(model: Model, name: str, value: str | None) -> Model:
    key = ("application", "/etc/visio/visio.env")
    lines = (model.files or {})[key].splitlines()
    assert any(line.startswith(f"{name}=") for line in lines), name
    kept = [line for line in lines if not line.startswith(f"{name}=")]
    text = "\n".join([*kept, *([f"{name}={value}"] if value is not None else [])]) + "\n"
    return replace(model, files={**(model.files or {}), key: text})


@pytest.mark.parametrize(("control", "name", "value"), BAD)
def test_a_bad_value_trips_its_rule(control: str, name: str, value: str | None) -> None:
    one = [rule for rule in rules() if rule.id == f"{control}.config"]
    good = intended("armees")
    assert not [f for f in evaluate(good, one, ("config",)) if f.fails]
    assert [f for f in evaluate(changed(good, name, value), one, ("config",)) if f.fails]


@pytest.mark.parametrize(
    ("old", "new"),
    [("rediss://", "redis://"), ("ssl_cert_reqs=required", "ssl_cert_reqs=none"), ("ssl_check_hostname=true&", ""),
     ("REDIS_URL=", "REDIS_ADDRESS="), (":value-of-cache_password@", "@")],
)  # fmt: skip
def test_an_unverified_way_to_the_cache_trips_its_rule(old: str, new: str) -> None:
    one = [rule for rule in rules() if rule.id == "TLS-14.config"]
    good, key = intended("armees"), ("application", "/etc/visio/links.env")
    text = (good.files or {})[key]
    bad = replace(good, files={**(good.files or {}), key: text.replace(old, new, 1)})
    assert text != text.replace(old, new, 1)
    assert [f for f in evaluate(bad, one, ("config",)) if f.fails]


def test_jobs_without_a_worker_trip_the_rule() -> None:
    one = [rule for rule in rules() if rule.id == "APP-06.config"]
    good = intended("armees")
    without = {key: text for key, text in (good.files or {}).items() if not key[1].endswith("visio-worker.container")}
    assert [f for f in evaluate(replace(good, files=without), one, ("config",)) if f.fails]
