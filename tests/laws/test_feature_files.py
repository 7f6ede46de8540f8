"""Recording, telephony, transcription and subtitles as they are rendered: what the programs read, and nothing abroad.

The keys are those that the programs' own configuration types have: livekit/egress and livekit/sip (pkg/config),
suitenumerique/meet (summary, agents, settings), meet-whisperx (app/utils/config.py).
"""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from policies.formats import environment, sections
from socle.nodes import outputs
from socle.stack import load_stack
from socle.stack.release import images_of
from socle.topology.tiers import TIERS, has_role
from tests.conftest import ROOT, STACKS
from tests.models import files_of, topology_of

TIERS_OF = ("recording", "telephony", "transcription", "subtitles")
VISIO = ("application", "/etc/visio/visio.env")
LIVEKIT = {"api_key", "api_secret", "ws_url", "redis", "logging", "health_port"}
EGRESS = {*LIVEKIT, "insecure", "template_port", "enable_chrome_sandbox", "session_limits"}
SIP = {*LIVEKIT, "listen_ip", "sip_port", "sip_hostname", "tls", "use_external_ip", "nat_1_to_1_ip", "rtp_port",
       "max_active_calls", "max_cpu_utilization", "hide_inbound_port"}  # fmt: skip
BUS = {"username", "password", "tls", "sentinel_master_name", "sentinel_addresses", "sentinel_username",
       "sentinel_password", "read_timeout", "write_timeout", "address"}  # fmt: skip
SUMMARY = {
    "AUTHORIZED_TENANTS", "AWS_STORAGE_BUCKET_NAME", "AWS_S3_ENDPOINT_URL", "AWS_S3_ACCESS_KEY_ID",
    "AWS_S3_SECRET_ACCESS_KEY", "AWS_S3_SECURE_ACCESS", "AWS_S3_REGION_NAME", "CELERY_BROKER_URL",
    "CELERY_RESULT_BACKEND", "TASK_TRACKER_REDIS_URL", "TRANSCRIBE_QUEUE_V2", "SUMMARIZE_QUEUE_V2",
    "CALL_WEBHOOK_QUEUE_V2", "WHISPERX_API_KEY", "WHISPERX_BASE_URL", "WHISPERX_ASR_MODEL", "WHISPERX_DEFAULT_LANGUAGE",
    "LLM_BASE_URL", "LLM_MODEL", "LLM_API_KEY", "IS_SUMMARY_ENABLED", "IS_RESOLVE_SPEAKER_IDENTITIES_ENABLED",
    "RECORDING_MAX_DURATION", "WEBHOOK_MAX_RETRIES", "WEBHOOK_BACKOFF_FACTOR", "IS_LASUITE_DOCS_INTEGRATION_ENABLED",
    "SENTRY_IS_ENABLED", "POSTHOG_ENABLED", "LANGFUSE_ENABLED", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
}  # fmt: skip
AGENT = {"LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "TRANSCRIBER_AGENT_NAME", "STT_PROVIDER",
         "KYUTAI_STT_BASE_URL", "KYUTAI_API_KEY", "ENABLE_SILERO_VAD", "HF_HUB_OFFLINE", "HOME"}  # fmt: skip


def having(tier: str) -> list[str]:
    return [stack for stack in STACKS if topology_of(stack).has(tier)]


def settings(stack: str, tier: str, path: str) -> Any:
    return yaml.safe_load(files_of(stack)[tier, path])


def env(stack: str, tier: str, path: str) -> dict[str, str]:
    return dict(environment(files_of(stack)[tier, path]))


def bus_s(stack: str, tier: str, found: Any) -> None:
    """Its own user, over verified TLS, at every Sentinel."""
    topology = topology_of(stack)
    assert set(found) <= BUS
    assert found["tls"]["enabled"] is True
    assert found["tls"]["insecure"] is False
    assert found["password"] == found["sentinel_password"] == f"value-of-valkey_{tier}_password"
    assert len(found["sentinel_addresses"]) == len(topology.tier("bus").nodes)
    users = files_of(stack)["bus", "/etc/valkey/users.acl"]
    assert f"user {found['username']} on #" in users
    assert f"user {found['sentinel_username']} on #" in files_of(stack)["bus", "/etc/valkey/sentinel.acl"]
    assert next(line for line in users.splitlines() if f"user {found['username']} " in line).count("-@dangerous") == 1


def test_every_feature_is_looked_at() -> None:
    assert all(having(tier) for tier in TIERS_OF)
    assert all(has_role(tier) for tier in TIERS_OF)


@pytest.mark.parametrize("stack", having("recording"))
def test_a_recorder_s_file_is_what_egress_reads(stack: str) -> None:
    topology, files = topology_of(stack), files_of(stack)
    found = settings(stack, "recording", "/etc/egress/egress.yaml")
    assert set(found) == EGRESS
    assert urlsplit(found["ws_url"]).port == topology.flows.get("agents").port
    bus_s(stack, "recording", found["redis"])
    longest = int(found["session_limits"]["file_output_max_duration"].removesuffix("s"))
    visio = environment(files[VISIO])
    assert int(visio["RECORDING_MAX_DURATION"]) == longest * 1000
    unit = sections(files["recording", "/etc/containers/systemd/egress.container"])
    assert int(unit["Container"]["StopTimeout"][0]) >= longest, "a recording is ended, never cut"
    assert int(unit["Service"]["TimeoutStopSec"][0]) > longest


@pytest.mark.parametrize("stack", having("telephony"))
def test_a_phone_gateway_s_file_is_what_livekit_sip_reads(stack: str) -> None:
    topology = topology_of(stack)
    found = settings(stack, "telephony", "/etc/sip/sip.yaml")
    flows, node = topology.flows, topology.tier("telephony").nodes[0]
    assert set(found) == SIP
    bus_s(stack, "telephony", found["redis"])
    sound = flows.get("phone-media")
    assert found["rtp_port"] == f"{sound.first}-{sound.last}"
    assert found["max_active_calls"] * 2 == sound.last - sound.first + 1
    assert (found["tls"]["port"], found["tls"]["min_version"]) == (flows.get("phone-signalling").port, "tls1.2")
    assert found["listen_ip"] == node.address
    assert found["nat_1_to_1_ip"] == outputs.placeholders(topology)[node.name].floating_address
    assert (found["use_external_ip"], found["hide_inbound_port"]) == (False, True)
    clear = [f for f in flows if f.target == "telephony" and f.first == found["sip_port"]]
    assert {str(f.source) for f in clear} == {"loopback"}, "nobody reaches SIP in clear"


@pytest.mark.parametrize("stack", having("transcription"))
def test_transcription_s_environment_is_what_its_service_reads(stack: str) -> None:
    topology, files = topology_of(stack), files_of(stack)
    found, visio = env(stack, "transcription", "/etc/transcription/summary.env"), environment(files[VISIO])
    assert set(found) == SUMMARY
    assert all(found.values())
    (tenant,) = json.loads(found["AUTHORIZED_TENANTS"])
    assert set(tenant) == {"id", "api_key", "webhook_url", "webhook_api_key", "allowed_push_to_docs"}
    assert urlsplit(tenant["webhook_url"]).hostname == topology.domain
    secrets = {name: files["application", f"/etc/visio/secrets/transcription.{name}"] for name in ("ask", "answer")}
    assert (tenant["api_key"], tenant["webhook_api_key"]) == (secrets["ask"].strip(), secrets["answer"].strip())
    assert visio["SUMMARY_SERVICE_VERSION"] == "2"
    asked = urlsplit(visio["SUMMARY_SERVICE_ENDPOINT"])
    assert (asked.scheme, asked.path) == ("https", "/api/v2/async-jobs/transcribe/")
    assert asked.port == topology.flows.get("transcription").port
    engine = env(stack, "transcription", "/etc/transcription/whisper.env")
    assert found["WHISPERX_BASE_URL"] == f"http://127.0.0.1:{engine['PORT']}/v1"
    assert found["WHISPERX_ASR_MODEL"] == engine["TRANSCRIBE_MODEL"]
    assert found["WHISPERX_API_KEY"] == engine["API_KEY"]
    assert int(found["RECORDING_MAX_DURATION"]) * 1000 == int(visio["RECORDING_MAX_DURATION"])
    units = {path: text for (tier, path), text in files.items() if tier == "transcription" and "summary-" in path}
    queues = {word for text in units.values() for word in re.findall(r" -Q (\S+)", text)}
    assert queues == {found[name] for name in found if name.endswith("_QUEUE_V2")}


@pytest.mark.parametrize("stack", having("subtitles"))
def test_subtitles_environment_is_what_the_agent_reads(stack: str) -> None:
    found, engine = (env(stack, "subtitles", f"/etc/subtitles/{name}.env") for name in ("agent", "speech"))
    assert set(found) == AGENT
    assert found["KYUTAI_API_KEY"] == engine["API_KEY"]
    assert found["TRANSCRIBER_AGENT_NAME"] == environment(files_of(stack)[VISIO])["ROOM_SUBTITLE_AGENT_NAME"]
    script = files_of(stack)["subtitles", "/etc/subtitles/speech.sh"]
    assert f"--port {urlsplit(found['KYUTAI_STT_BASE_URL']).port}" in script
    assert "public_token" not in script + str(engine)


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_of_theirs_leads_abroad(stack: str) -> None:
    topology, files = topology_of(stack), files_of(stack)
    ours = {
        "127.0.0.1",
        topology.domain,
        *(f"{name}.{topology.domain}" for name in ("livekit", "sip", "transcription")),
    }
    for (tier, path), text in files.items():
        if tier in TIERS_OF and not path.startswith(("/etc/apt", "/etc/systemd/resolved")):
            hosts = {urlsplit(url).hostname for url in re.findall(r"\b(?:https?|wss?|rediss?)://[^\s'\",]+", text)}
            assert hosts <= ours, (tier, path)
    for tier in TIERS_OF:
        if topology.has(tier):
            out = {str(flow.target) for flow in topology.flows.out_of(tier)}
            assert "internet" not in out


@pytest.mark.parametrize("stack", STACKS)
def test_their_containers_have_no_right_and_the_release_s_images(stack: str) -> None:
    loaded = load_stack(stack)
    topology, files = topology_of(stack), files_of(stack)
    for tier in (one for one in TIERS_OF if topology.has(one)):
        units = {
            path: sections(text) for (owner, path), text in files.items() if owner == tier and ".container" in path
        }
        run = set()
        for path, unit in units.items():
            box = unit["Container"]
            assert box["User"] == box["Group"] != ("0",)
            assert box["ReadOnly"] == box["NoNewPrivileges"] == ("true",), path
            assert (box["DropCapability"], box["Pull"]) == (("all",), ("never",))
            assert "MemoryMax" in unit["Service"]
            assert int(box.get("StopTimeout", ("10",))[0]) < int(unit["Service"]["TimeoutStopSec"][0])
            run |= {*box["Image"], *re.findall(r"source=([^,]+)", " ".join(box.get("Mount", ())))}
            assert ("AddDevice" in box) <= (loaded.cloud.flavours[topology.tier(tier).flavour].gpus > 0)
        release = loaded.release.images
        assert run == {release[name].pinned or release[name].tagged for name in images_of([tier])}


@pytest.mark.parametrize("stack", [stack for stack in STACKS if topology_of(stack).has("application")])
def test_visio_offers_what_its_stack_asks_for_and_nothing_else(stack: str) -> None:
    topology, features = topology_of(stack), load_stack(stack).stack.features
    for tier in ("application", "workers"):
        found = env(stack, tier, VISIO[1])
        assert (found["RECORDING_ENABLE"] == "True") is (features.recording or features.transcription)
        assert (found["ROOM_SUBTITLE_ENABLED"] == "True") is features.subtitles
        assert (found["ROOM_TELEPHONY_ENABLED"] == "True") is features.telephony
        kinds = found.get("RECORDING_WORKER_CLASSES", "")
        assert ("screen_recording" in kinds, "transcript" in kinds) == (features.recording, features.transcription)
        assert ("AWS_S3_ENDPOINT_URL" in found) is topology.has("recording")
        assert ("SUMMARY_SERVICE_ENDPOINT" in found) is features.transcription


@pytest.mark.parametrize("stack", having("recording"))
def test_a_recording_is_fetched_through_visio_s_word_alone(stack: str) -> None:
    topology, files = topology_of(stack), files_of(stack)
    text = files["edge", "/etc/nginx/nginx.conf"]
    block = re.search(r"location \^~ /media/recordings/ \{(.*?)\n        \}", text, re.S)
    assert block
    for wanted in ("auth_request /media-auth;", "proxy_ssl_verify on;", "proxy_pass_request_headers off;"):
        assert wanted in block[1]
    assert f"/{topology.store.buckets['recordings']}/recordings/;" in block[1]  # type: ignore[union-attr]
    assert re.search(r"location = /media-auth \{\s+internal;", text)
    assert re.search(r"location \^~ /api/v1.0/recordings/storage-hook/ \{\s+return 404;", text)
    assert {str(f.target) for f in topology.flows.out_of("edge") if f.name.endswith("downloads")}


def test_what_is_drained_is_in_the_playbook() -> None:
    (play,) = yaml.safe_load((ROOT / "playbooks" / "drain.yml").read_text())
    drained = {tier for tier, kind in TIERS.items() for role in [kind.role or tier]
               if (ROOT / "playbooks" / "roles" / role / "tasks" / "drain.yml").exists()}  # fmt: skip
    assert set(play["hosts"].split(":")) == drained
    assert {tier for tier, kind in TIERS.items() if kind.carries_calls} <= drained


class Trunks:
    """LiveKit's interface to trunks, as the script uses it."""

    def __init__(self, there: list[Any]) -> None:
        self.there, self.sip = there, self

    async def __aenter__(self) -> Trunks:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def list_sip_inbound_trunk(self, _asked: Any) -> Any:
        return SimpleNamespace(items=list(self.there))

    async def create_sip_inbound_trunk(self, asked: Any) -> None:
        asked.trunk.sip_trunk_id = f"ST_{len(self.there)}"
        self.there.append(asked.trunk)

    async def delete_sip_trunk(self, asked: Any) -> None:
        self.there[:] = [one for one in self.there if one.sip_trunk_id != asked.sip_trunk_id]


def test_the_operator_s_trunk_is_kept_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import asyncio

    from livekit import api
    from livekit.protocol.sip import SIPInboundTrunkInfo

    (stack,) = having("telephony")
    telephony = load_stack(stack).stack.telephony
    names: dict[str, Any] = {"__name__": "trunk"}
    exec(files_of(stack)["application", "/etc/visio/trunk.py"], names)
    stranger = SIPInboundTrunkInfo(sip_trunk_id="ST_x", name="anybody", allowed_addresses=["0.0.0.0/0"])
    livekit = Trunks([stranger])
    monkeypatch.setattr(api, "LiveKitAPI", lambda *_: livekit)
    (tmp_path / "one").write_text("key\n")
    for name in ("KEY", "SECRET"):
        monkeypatch.setenv(f"LIVEKIT_API_{name}_FILE", str(tmp_path / "one"))
    monkeypatch.setenv("LIVEKIT_API_URL", "https://livekit.example")
    assert asyncio.run(names["keep"]()) == 10
    (kept,) = livekit.there
    assert list(kept.allowed_addresses) == [str(block) for block in telephony.trunk]  # type: ignore[union-attr]
    assert asyncio.run(names["keep"]()) == 0, "a second time there is nothing to do"
