"""La Suite Meet as its environment has it, else its own default: APP, GOV-10, MED-02, MED-14, STO-06, TLS-14."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

from policies import targets
from policies.formats import Directive, environment, nginx, yaml_of
from socle.policy.model import File, Model
from socle.policy.mutation import added_to_file, in_file
from socle.policy.outcome import Outcome, failed, judged, not_applicable, unknown
from socle.policy.rule import rule
from socle.stack.model import IdentityProvider
from socle.topology import identity
from socle.topology.tiers import role_of

NOT_RENDERED = "not rendered"
ENVIRONMENTS = targets.files_of_role("application", "visio.env")  # of application nodes and of workers
LONGEST_SESSION = 43_200  # seconds: ProConnect's own session
SHORTEST_PIN = 10  # digits
LINK_LASTS, LONGEST_LINK = "SUMMARY_SERVICE_CLOUD_STORAGE_SIGNED_URL_EXPIRY_SECONDS", 14_400  # seconds
PHONE = "ROOM_TELEPHONY_ENABLED"
HARDENED = ("Production", "PreProduction", "Staging")
SIGNED = re.compile(r"(RS|ES|PS)(256|384|512)")  # with a key of the provider's, not with a shared one
SILENT = (
    "FRONTEND_ANALYTICS", "FRONTEND_SUPPORT", "ANALYTICS_BACKEND", "ANALYTICS_BACKEND_SETTINGS", "BREVO_API_KEY",
    "BREVO_API_KEY_FILE", "SIGNUP_NEW_USER_TO_MARKETING_EMAIL", "POSTHOG_ENABLED", "LANGFUSE_ENABLED",
    "DJANGO_SENTRY_DSN", "SENTRY_DSN",
)  # fmt: skip
ON = ("true", "yes", "y", "1")

Judge = Callable[[str], bool]
Wanted = Mapping[str, tuple[str, Judge]]  # variable -> what it is where it is not written, what is good


def _on(value: str) -> bool:
    return value.strip().lower() in ON


def _off(value: str) -> bool:
    return value.strip().lower() in ("", "false", "no", "n", "0", "none", "{}", "[]")


def _one_of(*good: str) -> Judge:
    return lambda value: value in good


def _problems(text: str, wanted: Wanted) -> list[str]:
    """Variables that are not as wanted, with what they are. Written without a value is never good."""
    found = environment(text)
    empty = [f"{name} is empty" for name, value in found.items() if name in wanted and not value]
    seen = ((name, found.get(name, default), good) for name, (default, good) in wanted.items())
    return empty + [f"{name} {value or 'not written'}" for name, value, good in seen if not good(value)]


def _judged(file: File, wanted: Wanted, words: str) -> Outcome:
    if file.text is None:
        return failed(NOT_RENDERED, words)
    problems = _problems(file.text, wanted)
    return judged(not problems, problems or "all as wanted", words)


def _env(name: str, value: str | None) -> Callable[[Model], Model]:
    """A mutation: a variable of the application nodes has another value, or is not written."""
    return in_file("application", "visio.env", rf"^{name}=[^\n]*$", "" if value is None else f"{name}={value}")


def _has_visio(model: Model) -> bool:
    return model.topology.has("application")


def _edge(model: Model) -> Iterator[File]:
    if _has_visio(model):
        yield model.file("edge", "nginx.conf")


def _of_the_pages(file: File, model: Model) -> list[Directive]:
    """What the edge's server of Visio's own name says."""
    found = nginx(file.text or "")
    names = [one.block for one in found if one.name == "server_name" and one.arguments == (model.topology.domain,)]
    return [one for one in found if names and one.block == names[0]]


@rule(
    "APP-01",
    phase="config",
    on=_edge,
    key=("domain",),
    broken_by=in_file("edge", "nginx.conf", r"script-src 'self'", "script-src 'self' 'unsafe-inline'"),
)
def pages_say_what_they_may_load(file: File, model: Model) -> Outcome:
    wanted = (
        "default-src, no unsafe-inline, unsafe-eval or data: for code, connections to LiveKit alone, frame-ancestors"
    )
    headers = [
        one.arguments[1]
        for one in _of_the_pages(file, model)
        if one.name == "add_header" and one.arguments[:1] == ("Content-Security-Policy",)
    ]
    if len(headers) != 1:
        return failed(f"headers: {len(headers)}", wanted)
    policy = {words[0]: words[1:] for part in headers[0].split(";") if (words := part.split())}
    ours = {"'self'", *(f"{way}://{model.topology.record('signalling').fqdn}" for way in ("https", "wss"))}
    code = {word for name in ("default-src", "script-src", "style-src") for word in policy.get(name, ())}
    problems = [
        *([] if policy.get("default-src") and "*" not in policy["default-src"] else ["default-src"]),
        *(word for word in ("'unsafe-inline'", "'unsafe-eval'", "data:", "*") if word in code),
        *(f"connect-src {word}" for word in policy.get("connect-src", ["not written"]) if word not in ours),
        *([] if set(policy.get("frame-ancestors", ())) <= {"'none'", "'self'"} and "frame-ancestors" in policy
          else ["frame-ancestors"]),
    ]  # fmt: skip
    return judged(not problems, problems or headers[0], wanted)


@rule(
    "APP-05",
    phase="config",
    on=_edge,
    key=("access", "from"),
    broken_by=in_file("edge", "nginx.conf", r"(location \^~ /admin \{.*?)deny all;", "location ^~ /admin {"),
)
def administration_is_closed_to_users(file: File, model: Model) -> Outcome:
    """The webhook of LiveKit and the paths that are for nobody are closed in the same place."""
    wanted = "/admin for the bastions, the webhook for media nodes, /__error__, /__version__ and /jwks for nobody"
    if file.text is None:
        return failed(NOT_RENDERED, wanted)
    bastions, media = (_addresses(model, tier) for tier in ("bastion", "media"))
    closed = {"/admin": bastions, "/api/v1.0/rooms/webhooks-livekit/": media}
    problems = [f"{path} open to {', '.join(sorted(who))}" for path, only in closed.items()
                if (who := _let_in(file.text, path) - only)]  # fmt: skip
    nobody = ("/__error__", "/__version__", "/jwks")
    problems += [f"{path} passed on" for path in nobody if not re.search(_answers_404(path), file.text)]
    return judged(not problems, problems or "closed", wanted)


def _addresses(model: Model, tier: str) -> set[str]:
    return {node.address for node in model.topology.nodes if node.tier == tier}


def _let_in(text: str, path: str) -> set[str]:
    """Who may call a location; anybody, where nothing denies the rest, or the location is not there."""
    block = re.search(rf"location (?:\^~|=) {re.escape(path)} \{{([^}}]*)\}}", text)
    if not block or "deny all;" not in block[1]:
        return {"anybody"}
    return set(re.findall(r"\ballow ([^;\s]+);", block[1]))


def _answers_404(path: str) -> str:
    return rf"location \^~ {re.escape(path)} \{{\s*return 404;\s*\}}"


@rule("APP-06", phase="config", on=ENVIRONMENTS, broken_by=_env("DJANGO_CONFIGURATION", "Development"))
def visio_runs_as_in_production(file: File, model: Model) -> Outcome:
    domain = model.topology.domain

    def origin(value: str) -> bool:
        return value == "" or all(one == f"https://{domain}" for one in value.split(","))

    jobs = "the workers' unit" if model.topology.has("workers") else "no worker"
    wanted: Wanted = {
        "DJANGO_CONFIGURATION": ("Development", _one_of(*HARDENED)),
        "DJANGO_ALLOWED_HOSTS": ("", lambda value: bool(value) and "*" not in value),
        "DJANGO_CSRF_TRUSTED_ORIGINS": ("", origin),
        "DJANGO_CORS_ALLOW_ALL_ORIGINS": ("False", _off),
        "DJANGO_CORS_ALLOWED_ORIGINS": ("", origin),
        "DJANGO_CORS_ALLOWED_ORIGIN_REGEXES": ("", _off),
        "DJANGO_SECRET_KEY_FILE": ("", bool),
        "DB_PASSWORD_FILE": ("", bool),
        "LIVEKIT_API_SECRET_FILE": ("", bool),
        "CELERY_ENABLED": ("False", lambda value: not _on(value) or _has_worker(model)),
        "EXTERNAL_API_ENABLED": ("False", _off),
    }
    return _judged(file, wanted, f"a hardened profile, named hosts, secrets in files, jobs for {jobs}")


def _has_worker(model: Model) -> bool:
    tiers = (tier.name for tier in model.topology.tiers if role_of(tier.name) == "application")
    return any(model.file(tier, "visio-worker.container").text for tier in tiers)


@rule(
    "APP-07",
    phase="config",
    on=lambda model: (model.file("application", "visio.env"),) if _has_visio(model) else (),
    key=("identity",),
    broken_by=_env("OIDC_REDIRECT_REQUIRE_HTTPS", None),
)
def logins_are_robust(file: File, model: Model) -> Outcome:
    words = (
        "PKCE with S256, nonce, verified TLS, https and named hosts alone, an asymmetric signature, no match by mail"
    )
    wanted: Wanted = {
        "OIDC_PKCE_CODE_CHALLENGE_METHOD": ("S256", _one_of("S256")),
        "OIDC_USE_NONCE": ("True", _on),
        "OIDC_VERIFY_SSL": ("True", _on),
        "OIDC_REDIRECT_REQUIRE_HTTPS": ("False", _on),
        "OIDC_REDIRECT_ALLOWED_HOSTS": ("", _one_of(model.topology.domain)),  # a JSON list would be one odd name
        "OIDC_RP_SIGN_ALGO": ("RS256", lambda value: bool(SIGNED.fullmatch(value))),
        "OIDC_RP_CLIENT_SECRET_FILE": ("", bool),
        "OIDC_FALLBACK_TO_EMAIL_FOR_IDENTIFICATION": ("False", _off),
        "OIDC_USER_SUB_FIELD_IMMUTABLE": ("True", _on),
    }
    answer = _judged(file, wanted, words)
    if file.text is None or _problems(file.text, wanted) or _on(environment(file.text).get("OIDC_USE_PKCE", "False")):
        return answer
    if model.loaded.stack.identity.provider == IdentityProvider.PROCONNECT and not model.loaded.stack.identity.pkce:
        return unknown(
            "no PKCE: ProConnect refuses parameters that it does not know; to be tried on its integration platform",
            settled_in="process",
            expected=words,
        )
    return failed("OIDC_USE_PKCE False", words)


@rule(
    "APP-09",
    phase="config",
    on=ENVIRONMENTS,
    broken_by=added_to_file("application", "visio.env", "REQUEST_ENTRY_THROTTLE_RATES=0/minute"),
)
def attempts_are_limited(file: File, model: Model) -> Outcome:
    """Neither Meet nor LiveKit's phone gateway counts callers' attempts at a PIN: who may call at all bounds them."""
    rates = ("REQUEST_ENTRY_THROTTLE_RATES", "CREATION_CALLBACK_THROTTLE_RATES", "CONNECTION_TEST_THROTTLE_RATES")
    wanted: Wanted = {
        **{name: ("set", lambda value: not value.startswith("0")) for name in rates},
        "ROOM_TELEPHONY_ENABLED": ("False", lambda value: _off(value) or model.topology.has("telephony")),
        "ROOM_TELEPHONY_PIN_LENGTH": (str(SHORTEST_PIN), lambda value: value.isdigit() and int(value) >= SHORTEST_PIN),
    }
    words = "rates that are not zero, ten digits; the telephone from its operator alone, and with a count of attempts"
    answer = _judged(file, wanted, words)
    if file.text is None or _problems(file.text, wanted) or not _on(environment(file.text).get(PHONE, "False")):
        return answer
    gateway = yaml_of(model.file("telephony", "sip.yaml").text or "")
    if gateway.get("hide_inbound_port") is not True:
        return failed("a phone gateway that answers whoever calls", words)
    return unknown(
        "the operator's addresses alone may call; whether it counts attempts at a PIN is in its contract",
        settled_in="process",
        expected=words,
    )


@rule("APP-10", phase="config", on=ENVIRONMENTS, broken_by=_env("ALLOW_UNREGISTERED_ROOMS", None))
def rooms_are_closed(file: File, _model: Model) -> Outcome:
    closed = _one_of("trusted", "restricted")
    wanted: Wanted = {
        "RESOURCE_DEFAULT_ACCESS_LEVEL": ("public", closed),
        "ALLOW_UNREGISTERED_ROOMS": ("True", _off),
        "ALLOW_UNSECURE_USER_LISTING": ("False", _off),
        "EXTERNAL_API_ALLOW_PUBLIC_ACCESS": ("False", _off),
        "EXTERNAL_API_DEFAULT_ACCESS_LEVEL": ("trusted", closed),
    }
    return _judged(file, wanted, "rooms for those who are known, made by those who are known, no list of users")


@rule("APP-12", phase="config", on=ENVIRONMENTS, broken_by=_env("SESSION_COOKIE_AGE", "604800"))
def sessions_end(file: File, _model: Model) -> Outcome:
    def short(value: str) -> bool:
        return value.isdigit() and 0 < int(value) <= LONGEST_SESSION

    return _judged(file, {"SESSION_COOKIE_AGE": ("43200", short)}, f"{LONGEST_SESSION} s at most")


@rule(
    "APP-14",
    phase="config",
    on=ENVIRONMENTS,
    key=("domain",),
    broken_by=_env("FRONTEND_ANALYTICS", "{'id': 'x', 'host': 'https://eu.i.posthog.com'}"),
)
def nobody_else_is_told(file: File, model: Model) -> Outcome:
    words = "no audience measurement, no marketing; hosts of the stack and of its identity provider alone"
    if file.text is None:
        return failed(NOT_RENDERED, words)
    problems = _problems(file.text, dict.fromkeys(SILENT, ("", _off)))
    asked = identity.provider(model.loaded.stack)
    known = {model.topology.domain, model.topology.record("signalling").fqdn}
    written = {name: urlsplit(text).hostname or text for name, value in environment(file.text).items()
               for text in re.findall(r"[a-z]+://[^\s'\",]+", value)}  # fmt: skip
    known |= {f"transcription.{model.topology.domain}", *([model.topology.store.name] if model.topology.store else [])}
    known |= {urlsplit(asked.authorization).hostname or "", asked.name} if asked else set()
    problems += [f"{name} {host}" for name, host in written.items() if host not in known and name not in SILENT]
    return judged(not problems, problems or "off", words)


@rule("GOV-10", phase="config", on=ENVIRONMENTS, broken_by=_env("DJANGO_LANGUAGE_CODE", None))
def pages_and_mails_are_in_french(file: File, _model: Model) -> Outcome:
    """Unless a user's browser asks for another of its languages."""
    wanted: Wanted = {
        "DJANGO_LANGUAGE_CODE": ("en-us", lambda value: value.startswith("fr")),
        "DJANGO_LANGUAGES": ("fr-fr", lambda value: "fr" in value),
    }
    return _judged(file, wanted, "French, for whoever asks for nothing else")


@rule("MED-02", phase="config", on=ENVIRONMENTS, broken_by=_env("LIVEKIT_FORCE_WSS_PROTOCOL", None))
def browsers_signal_over_wss(file: File, _model: Model) -> Outcome:
    wanted: Wanted = {
        "LIVEKIT_API_URL": ("", lambda value: value.startswith(("https://", "wss://"))),
        "LIVEKIT_FORCE_WSS_PROTOCOL": ("False", _on),
    }
    return _judged(file, wanted, "LiveKit's address as browsers are told it: wss")


@rule("STO-06", phase="config", on=ENVIRONMENTS, broken_by=_env(LINK_LASTS, None))
def links_to_recordings_end(file: File, model: Model) -> Outcome:
    words = f"{LONGEST_LINK} s at most, the time that a transcript may wait for its turn"
    if not model.topology.has("transcription"):
        return not_applicable("nobody is given a link: no transcription")

    def short(value: str) -> bool:
        return value.isdigit() and 0 < int(value) <= LONGEST_LINK

    return _judged(file, {LINK_LASTS: ("86400", short)}, words)


@rule("APP-15", phase="config", on=ENVIRONMENTS, broken_by=_env("FILE_UPLOAD_ENABLED", "True"))
def files_are_not_taken_unseen(file: File, _model: Model) -> Outcome:
    wanted: Wanted = {"FILE_UPLOAD_ENABLED": ("False", _off), "FILE_UPLOAD_APPLY_RESTRICTIONS": ("True", _on)}
    return _judged(file, wanted, "no uploads, since nothing scans them")


@rule(
    "TLS-14",
    phase="config",
    on=ENVIRONMENTS,
    broken_by=_env("PGSSLMODE", "require"),
)
def visio_verifies_whom_it_calls(file: File, model: Model) -> Outcome:
    words = "verified TLS to LiveKit, the identity provider, PostgreSQL, Valkey, the object store and the mail relay"
    links = model.file(file.tier, "links.env")
    if file.text is None or links.text is None:
        return failed(NOT_RENDERED, words)
    found = environment(file.text)
    wanted: dict[str, tuple[str, Judge]] = {
        "LIVEKIT_VERIFY_SSL": ("True", _on),
        "OIDC_VERIFY_SSL": ("True", _on),
        "LIVEKIT_API_URL": ("", lambda value: value.startswith(("https://", "wss://"))),
        "PGSSLMODE": ("prefer", _one_of("verify-full")),
        "PGSSLROOTCERT": ("", bool),
        "REQUESTS_CA_BUNDLE": ("", bool),
        "SSL_CERT_FILE": ("", bool),
    }
    endpoints = (
        name for name in found if re.match("OIDC_OP_.*_ENDPOINT|AWS_S3_ENDPOINT_URL|SUMMARY_SERVICE_END", name)
    )
    wanted |= dict.fromkeys(endpoints, ("", lambda value: value.startswith("https://")))
    problems = _problems(file.text, wanted)
    ways = [found.get(f"DJANGO_EMAIL_USE_{way}", "False") for way in ("TLS", "SSL")]
    if "DJANGO_EMAIL_HOST" in found and not any(_on(way) for way in ways):
        problems.append("mail in clear")
    problems += [f"{name} not over verified TLS, or without a password" for name, url in environment(links.text).items()
                 if not _verified(url)]  # fmt: skip
    needed = {"REDIS_URL", *(["CELERY_BROKER_URL"] if _on(found.get("CELERY_ENABLED", "False")) else [])}
    problems += [f"{name} not written" for name in sorted(needed - set(environment(links.text)))]
    return judged(not problems, problems or "all verified", words)


def _verified(url: str) -> bool:
    parts, asked = urlsplit(url), parse_qs(urlsplit(url).query)
    good = asked.get("ssl_cert_reqs") == ["required"] and asked.get("ssl_check_hostname") == ["true"]
    return parts.scheme == "rediss" and bool(parts.password) and good and "ssl_ca_certs" in asked


@rule(
    "MED-14",
    phase="config",
    on=targets.file("media", "livekit.yaml"),
    broken_by=in_file("media", "livekit.yaml", r"\Z", "\nwebhook: {urls: ['http://10.0.0.1:8000/hook']}\n"),
)
def webhooks_are_signed_and_encrypted(file: File, model: Model) -> Outcome:
    words = "each over https, with a key of LiveKit's; storage events with a token"
    if file.text is None:
        return failed(NOT_RENDERED, words)
    webhook = yaml_of(file.text).get("webhook") or {}
    urls = [str(url) for url in webhook.get("urls") or ()]
    if not urls and not _has_visio(model):
        return not_applicable("nobody is told of rooms")
    env = environment(model.file("application", "visio.env").text or "")
    problems = [
        *(url for url in urls if not url.startswith("https://")),
        *([] if webhook.get("api_key") else ["no key"]),
        *([] if urls else ["nobody is told, so that recordings and waiting rooms never end"]),
        *([] if _on(env.get("RECORDING_ENABLE_STORAGE_EVENT_AUTH", "True")) else ["storage events without a token"]),
    ]
    return judged(not problems, problems or urls, words)
