"""Recording, transcription, subtitles and the telephone: APP-16, STO-05, MED-15, MED-16.

What a stack asks for is on and complete, and what it does not ask for is off. What nobody can show before it is tried,
or what is missing around it, is said as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from policies import targets
from policies.formats import environment, yaml_of
from socle.policy.model import File, Model
from socle.policy.mutation import in_file
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule
from socle.stack.release import images_of
from socle.topology import tiers as table

ENV = "visio.env"
ON = ("true", "yes", "1")


@dataclass(frozen=True)
class Feature:
    """`switch`: Visio's variable, and what it holds where the feature is on. `tiers`: whose nodes carry it."""

    name: str
    switch: str
    holds: str
    tiers: tuple[str, ...]
    stores: bool = False


FEATURES = (
    Feature("recording", "RECORDING_WORKER_CLASSES", "'screen_recording':", ("recording",), stores=True),
    Feature("transcription", "RECORDING_WORKER_CLASSES", "'transcript':", ("recording", "transcription"), stores=True),
    Feature("subtitles", "ROOM_SUBTITLE_ENABLED", "True", ("subtitles",)),
    Feature("telephony", "ROOM_TELEPHONY_ENABLED", "True", ("telephony",)),
)
# where the speech of a call may go: this node, and who else is told by a name of the stack
ENGINES = ("WHISPERX_BASE_URL", "LLM_BASE_URL", "KYUTAI_STT_BASE_URL", "LIVEKIT_URL")
STRANGERS = re.compile(r"^(DEEPGRAM_\w+|OPENAI_\w+)$")
ABROAD = ("SENTRY_IS_ENABLED", "POSTHOG_ENABLED", "LANGFUSE_ENABLED", "IS_LASUITE_DOCS_INTEGRATION_ENABLED")


@rule(
    "APP-16",
    phase="config",
    on=lambda _model: FEATURES,
    key=("features",),
    broken_by=in_file("application", ENV, r"^ROOM_SUBTITLE_ENABLED=False$", "ROOM_SUBTITLE_ENABLED=True"),
)
def what_is_asked_for_is_carried(feature: Feature, model: Model) -> Outcome:
    wanted = "on where the stack asks for it, with nodes, role, images and a place for what it keeps; off elsewhere"
    asked = bool(getattr(model.loaded.stack.features, feature.name))
    text = model.file("application", ENV).text
    if not model.topology.has("application"):
        return (
            _unknown("asked for, and the stack leaves Visio out", wanted) if asked else not_applicable("not asked for")
        )
    if text is None:
        return failed("not rendered", wanted)
    on = feature.holds in environment(text).get(feature.switch, "")
    if not asked:
        return judged(not on, f"{feature.switch}: {'on' if on else 'off'}, not asked for", wanted)
    if missing := list(_missing(feature, model)):
        return _unknown(f"asked for, and cannot be carried: {'; '.join(missing)}", wanted)
    if not on:
        return failed(f"{feature.switch}: off, asked for", wanted)
    return passed(f"{feature.switch}: on", wanted)


def _unknown(seen: str, wanted: str) -> Outcome:
    return unknown(seen, settled_in="process", expected=wanted)


def _missing(feature: Feature, model: Model) -> Iterator[str]:
    for tier in feature.tiers:
        if not model.topology.has(tier):
            yield f"no {tier} node"
        elif not table.has_role(tier):
            yield f"no role for {tier} nodes"
    release = model.loaded.release.images
    for name in images_of(feature.tiers):
        if name not in release or not release[name].digest:
            yield f"no digest of {name}"
        elif release[name].stand_in:
            yield f"{name} is a stand-in"
    if feature.stores:
        yield from _no_place(model)
    if feature.name == "transcription":
        yield "no document service is named, so that a transcript is kept and shown to nobody"
    if feature.name == "telephony" and not (model.loaded.stack.telephony and model.loaded.stack.telephony.number):
        yield "no telephone number"


def _no_place(model: Model) -> Iterator[str]:
    store = model.topology.store
    if store is None:
        yield "no place for objects"
    elif store.owner == "stack" and not table.has_role("objects"):
        yield "no role for objects nodes"


def _environments(model: Model) -> Iterable[File | targets.Whole]:
    tiers = [tier for tier in ("application", "workers") if model.tier(tier)]
    return [model.file(tier, ENV) for tier in tiers] or targets.stack(model)


@rule(
    "STO-05",
    phase="config",
    on=_environments,
    key=("retention",),
    broken_by=in_file("application", ENV, r"^RECORDING_EXPIRATION_DAYS=\d+$", ""),
)
def recordings_end(file: File | targets.Whole, model: Model) -> Outcome:
    """Their days are those of the stack file; their length is the one at which recorders stop."""
    wanted = "days as the stack file has them, and one longest recording in Visio and its recorders"
    if isinstance(file, targets.Whole):
        return not_applicable("no Visio is deployed")
    if file.text is None:
        return failed("not rendered", wanted)
    env = environment(file.text)
    if env.get("RECORDING_ENABLE", "False").lower() not in ON:
        return not_applicable("nothing is recorded")
    days, longest = env.get("RECORDING_EXPIRATION_DAYS", "for ever"), env.get("RECORDING_MAX_DURATION", "any")
    limits = yaml_of(model.file("recording", "egress.yaml").text or "").get("session_limits") or {}
    stops = str(limits.get("file_output_max_duration", "never"))
    same = longest.isdigit() and stops == f"{int(longest) // 1000}s"
    kept = str(model.loaded.stack.retention.recordings)
    return judged(days == kept and same, f"{days} days, {longest} ms, recorders stop at {stops}", wanted)


def _recorders(model: Model) -> Iterable[File | targets.Whole]:
    return [model.file("recording", "egress.yaml")] if model.tier("recording") else targets.stack(model)


@rule(
    "MED-15",
    phase="config",
    on=_recorders,
    broken_by=in_file("recording", "egress.yaml", r"^enable_chrome_sandbox: true$", ""),
)
def the_recorder_s_browser_is_fenced(file: File | targets.Whole, _model: Model) -> Outcome:
    wanted = "Chromium's own sandbox, a longest recording, no port for debugging"
    if isinstance(file, targets.Whole):
        return not_applicable("no recorder is deployed")
    if file.text is None:
        return failed("not rendered", wanted)
    settings = yaml_of(file.text)
    problems = [
        *([] if settings.get("enable_chrome_sandbox") is True else ["no sandbox"]),
        *([] if (settings.get("session_limits") or {}).get("file_output_max_duration") else ["no longest recording"]),
        *(["debugging"] if settings.get("debug_handler_port") or settings.get("debug") else []),
    ]
    return judged(not problems, problems or "fenced", wanted)


def _speech(model: Model) -> Iterable[File | targets.Whole]:
    places = (("transcription", "summary.env"), ("transcription", "whisper.env"), ("subtitles", "agent.env"),
              ("subtitles", "speech.env"))  # fmt: skip
    return [model.file(tier, ending) for tier, ending in places if model.tier(tier)] or targets.stack(model)


@rule(
    "MED-16",
    phase="config",
    on=_speech,
    key=("features",),
    broken_by=in_file("subtitles", "agent.env", r"^STT_PROVIDER=kyutai$", "STT_PROVIDER=deepgram"),
)
def speech_stays_inside(file: File | targets.Whole, model: Model) -> Outcome:
    wanted = "engines on the node itself, models that are mounted, no telemetry, no key for somebody else's service"
    if isinstance(file, targets.Whole):
        return not_applicable("nothing listens to what is said")
    if file.text is None:
        return failed("not rendered", wanted)
    env = environment(file.text)
    ours = {"127.0.0.1", model.topology.record("signalling").fqdn}
    hosts = {name: urlsplit(env[name]).hostname for name in ENGINES if name in env}
    named = file.path.rpartition("/")[2]
    problems = [
        *(f"{name} {host}" for name, host in hosts.items() if host not in ours),
        *(name for name in env if STRANGERS.match(name)),
        *(f"{name} {env[name]}" for name in ABROAD if env.get(name, "False").lower() in ON),
        *(["WHISPERX_BASE_URL not written"] if named == "summary.env" and "WHISPERX_BASE_URL" not in env else []),
        *(["STT_PROVIDER"] if named == "agent.env" and env.get("STT_PROVIDER", "deepgram") != "kyutai" else []),
        *(["models from a hub"] if named != "summary.env" and env.get("HF_HUB_OFFLINE") != "1" else []),
    ]
    return judged(not problems, problems or "inside", wanted)
