"""Identities and secrets: IAM."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from policies import targets
from policies.formats import yaml_of
from socle.graph import SECRET, Resource
from socle.graph.model import INSTANCE, VOLUME
from socle.policy.model import File, Model
from socle.policy.mutation import in_file, in_live, inputs, on_resource
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule

# entropy of a value that looks random, in bits per character; prose and cloud-init stay well below
RANDOM = 4.3
SHORTEST = 24
_TOKEN = re.compile(rf"[A-Za-z0-9+/=_-]{{{SHORTEST},}}")
_NAMED = re.compile(
    r"(?i)(?<![a-z])(?:password|passwd|secret|token|api_?key)[\"']?\s*[:=]\s*[\"']?"
    r"(?!(?:true|false|yes|no|null|none)\b|[*!/])[^\s\"'\[{]{4,}"
)
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_PUBLIC = re.compile(  # keys and digests that anybody may read
    r"(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp\d+)\s+\S+|sha(?:256|512)[:-]\S+"
    r"|-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----",
    re.S,
)
SAMPLES = ("devkey", "secret", "password", "changeme", "ThisIsAnExampleKeyForDevPurposeOnly", "placeholder")


def looks_secret(text: str) -> str | None:
    """What kind of secret a text seems to hold; never the value."""
    if _PRIVATE.search(text):
        return "a private key"
    rest = _PUBLIC.sub("", text)
    if _NAMED.search(rest):
        return "a named secret"
    for token in _TOKEN.findall(rest):
        if _entropy(token) >= RANDOM and re.search(r"\d", token) and re.search(r"[a-z]", token):
            return "a value that looks random"
    return None


def _entropy(text: str) -> float:
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


@rule(
    "IAM-06",
    phase="plan",
    on=(INSTANCE, VOLUME),
    broken_by=on_resource(
        INSTANCE, inputs(user_data="#cloud-config\nchpasswd: {list: 'debian:Tr0ub4dor&3xkcd'}\npassword: Tr0ub4dor")
    ),
)
def no_secret_in_the_plan(resource: Resource, _model: Model) -> Outcome:
    wanted = "no secret in user data, metadata or properties"
    if resource.get("admin_pass") is not None:
        return failed("an administrator password is set", wanted)
    for name in ("user_data", "metadata", "personalities", "description", "tags"):
        for where, text in _texts(resource.get(name), name):
            if text is SECRET:
                return failed(f"a secret in {where}", wanted)
            if isinstance(text, str) and (kind := looks_secret(text)):
                return failed(f"{kind} in {where}", wanted)
    return passed("nothing that looks like a secret", wanted)


def _texts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, path)
    elif value is not None:
        yield path, value


@rule(
    "IAM-07",
    phase="config",
    on=targets.file("media", "livekit.yaml"),
    broken_by=in_file("media", "livekit.yaml", r"\Z", "\nkeys: {devkey: secret}\n"),
)
def no_sample_secret(file: File, _model: Model) -> Outcome:
    if file.text is None:
        return failed("not rendered", "a configuration file")
    keys = yaml_of(file.text).get("keys") or {}
    samples = [name for name, value in keys.items() if name in SAMPLES or value in SAMPLES]
    return judged(not samples, f"sample keys: {', '.join(samples)}" if samples else "no sample key", "no sample key")


@rule(
    "IAM-11",
    phase="runtime",
    on=targets.stack,
    key=("cloud",),
    broken_by=in_live(lambda live: live["endpoints"].append({"service": "x", "region": "", "url": "http://x:1"})),
)
def cloud_apis_are_encrypted(_stack: targets.Whole, model: Model) -> Outcome:
    endpoints = (model.live or {}).get("endpoints")
    if not endpoints:
        return unknown("the cloud's catalogue was not read", settled_in="runtime", expected="https everywhere")
    clear = [f"{e['service']} {e['url']}" for e in endpoints if not str(e["url"]).startswith("https://")]
    if not (model.live or {}).get("verified"):
        return failed("certificates are not verified", "certificates verified")
    return judged(
        not clear, clear or f"{len(endpoints)} endpoints over https, certificates verified", "https everywhere"
    )


def _with_a_bare_secret(model: Model) -> Model:
    from socle.policy.mutation import with_resource

    return with_resource(lambda _m: Resource("openstack:keymanager/secretV1:SecretV1", "added"))(model)


@rule(
    "IAM-08",
    phase="plan",
    on=lambda model: tuple(r for r in model.plan if r.type.startswith("openstack:keymanager/")),
    broken_by=_with_a_bare_secret,
)
def key_manager_secrets_are_narrow(resource: Resource, _model: Model) -> Outcome:
    if not resource.type.endswith(":SecretV1"):
        return not_applicable("no secret")
    return judged(bool(resource.get("acl")), "acl" if resource.get("acl") else "no acl", "an acl of declared users")
