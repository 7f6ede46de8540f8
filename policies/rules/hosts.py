"""Nodes: firewall (NET-04, NET-11), SSH, accounts, packages, kernel settings, sockets: HST, SSH."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies import matrix, targets
from policies.formats import base_chain, first, nft_chains, pairs
from policies.judges import settings
from policies.probes import checks
from socle.policy.model import Facts, File, Model
from socle.policy.mutation import Mutation, in_facts, in_file, in_probes
from socle.policy.outcome import Outcome, failed, judged, not_applicable, unknown
from socle.policy.rule import rule
from socle.topology.openings import openings

NFT = targets.file_of_every_tier("nftables.conf")
SSHD = targets.file_of_every_tier("00-socle.conf")
CONFINED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateDevices": "yes",
            "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "RestrictNamespaces": "yes",
            "SystemCallArchitectures": "native"}  # fmt: skip
SYSCTL = {"kernel.dmesg_restrict": "1", "kernel.kptr_restrict": "2", "kernel.randomize_va_space": "2",
          "kernel.sysrq": "0", "kernel.unprivileged_bpf_disabled": "1"}  # fmt: skip


@rule(
    "NET-04",
    phase="config",
    on=NFT,
    broken_by=in_file(
        "edge", "nftables.conf", r"(hook output[^\n]*)policy drop", "hook output priority 0; policy accept"
    ),
)
def nodes_send_what_the_matrix_says(file: File, _model: Model) -> Outcome:
    wanted = "output policy drop, no rule that accepts everything"
    chain = base_chain(file.text or "", "output")
    if chain is None:
        return failed("no output chain" if file.text else "not rendered", wanted)
    open_ = [line for line in chain.rules if _accepts_all(line)]
    return judged(
        chain.policy == "drop" and not open_,
        f"policy {chain.policy or 'accept'}{': ' + open_[0] if open_ else ''}",
        wanted,
    )


def _accepts_all(line: str) -> bool:
    return bool(re.fullmatch(r"(counter\s+)?accept(\s+comment .*)?", line))


@rule(
    "NET-04",
    phase="runtime",
    on=targets.stack,
    broken_by=in_probes(
        lambda probes: probes["checks"].append(
            {"kind": "canary", "subject": "out", "outcome": "fail", "seen": "reached"}
        )
    ),
)
def a_canary_does_not_get_out(_stack: targets.Whole, model: Model) -> Outcome:
    found = checks(model, "canary")
    if not found:
        return unknown("no outside canary was tried", settled_in="runtime", expected="the canary blocked")
    return judged(all(c["outcome"] == "pass" for c in found), [c["seen"] for c in found], "the canary blocked")


@rule(
    "NET-11",
    phase="config",
    on=NFT,
    broken_by=in_file(
        "edge", "nftables.conf", r"(hook input[^\n]*)policy drop", "hook input priority 0; policy accept"
    ),
)
def firewall_denies_and_equals_the_matrix(file: File, model: Model) -> Outcome:
    wanted = "input and forward drop, the last rule counts and logs, every accept carries a flow's name"
    if file.text is None:
        return failed("not rendered", wanted)
    problems = list(_firewall_problems(file, model))
    return judged(not problems, problems or "as the matrix", wanted)


def _firewall_problems(file: File, model: Model) -> Iterator[str]:
    text = file.text or ""
    for hook in ("input", "forward"):
        chain = base_chain(text, hook)
        if chain is None or chain.policy != "drop":
            yield f"{hook}: {chain.policy if chain else 'no chain'}"
    chain = base_chain(text, "input")
    final = " ".join(chain.rules[-2:]) if chain else ""  # a rate-limited log, then the drop that counts
    if not re.search(r"\blog\b", final) or not re.search(r"\bcounter\b", final):
        yield "the last input rule neither counts nor logs"
    lines = [line for c in nft_chains(text) for line in c.rules if re.search(r"\baccept\b", line)]
    flows = {one.flow for one in openings(model.topology, file.tier)}
    named = {flow for flow in flows if any(re.search(rf'"[^"]*\b{re.escape(flow)}\b[^"]*"', line) for line in lines)}
    if missing := sorted(flows - named):
        yield f"flows without a rule: {', '.join(missing)}"
    known = {f.name for f in model.topology.flows}
    for line in lines:
        comment = re.search(r'comment "([^"]*)"', line)
        words = set(re.findall(r"[\w-]+", comment.group(1))) if comment else set()
        if "dport" in line and not words & known:
            yield f"a rule of no flow: {line}"


def _datagrams(model: Model, tier: str) -> list[str]:
    """Ports of UDP to which anybody may send."""
    found = (one for one in openings(model.topology, tier) if one.remote in matrix.WORLD)
    return sorted({one.ports for one in found if one.direction == "ingress" and one.protocol == "udp"})


def files_of_open_datagrams(model: Model) -> Iterator[File]:
    return (model.file(one.name, "nftables.conf") for one in model.topology.tiers if _datagrams(model, one.name))


@rule(
    "NET-16",
    phase="config",
    on=files_of_open_datagrams,
    broken_by=in_file("turn", "nftables.conf", r"udp sport \d+ notrack", "udp sport 3478 accept"),
)
def forged_senders_fill_no_table(file: File, model: Model) -> Outcome:
    wanted = "datagrams that anybody may send are tracked neither in nor out"
    tracked = [
        f"{way} {port}"
        for hook, way in (("prerouting", "udp dport"), ("output", "udp sport"))
        for port in _datagrams(model, file.tier)
        if not any(line.startswith(f"{way} {port} notrack") for line in _rules(file, hook))
    ]
    return judged(not tracked, tracked or "as wanted", wanted)


def _rules(file: File, hook: str) -> tuple[str, ...]:
    chain = base_chain(file.text or "", hook, ("raw", "-300"))
    return chain.rules if chain else ()


@rule(
    "HST-22",
    phase="config",
    on=targets.files(("edge", "nginx.service.d/hardening.conf"), ("turn", "coturn.service.d/hardening.conf")),
    broken_by=in_file("turn", "coturn.service.d/hardening.conf", r"^ProtectSystem=strict$", ""),
)
def exposed_services_are_confined(file: File, _model: Model) -> Outcome:
    """LiveKit, the third one that users reach, is a container: CTR-03 to CTR-06."""
    return settings(file, CONFINED, "=")


@rule(
    "HST-29",
    phase="config",
    on=targets.file_of_every_tier("common-auth"),
    broken_by=in_file("edge", "common-auth", r"\Z", "auth sufficient pam_ldap.so\n"),
)
def accounts_are_of_the_node_alone(file: File, _model: Model) -> Outcome:
    wanted = "accounts of the node itself: no remote directory"
    if file.text is None:
        return failed("not rendered", wanted)
    remote = sorted(set(re.findall(r"\bpam_(?:ldap|sss|krb5|winbind)\b", file.text)))
    return failed(remote, wanted) if remote else not_applicable("no remote directory")


def _sshd(file: File, option: str, good: tuple[str, ...]) -> Outcome:
    wanted = f"{option} {' or '.join(good)}"
    if file.text is None:
        return failed("not rendered", wanted)
    value = first(pairs(file.text), option).lower()
    return judged(value in good, f"{option} {value or 'left to the default'}", wanted)


def _sshd_line(option: str, value: str, tier: str = "edge") -> Mutation:
    return in_file(tier, "00-socle.conf", rf"(?i)^{option}\s+\S[^\n]*$", f"{option} {value}")


@rule("HST-12", phase="config", on=SSHD, broken_by=_sshd_line("PermitRootLogin", "yes"))
def root_does_not_log_in(file: File, _model: Model) -> Outcome:
    return _sshd(file, "permitrootlogin", ("no",))


@rule("SSH-03", phase="config", on=SSHD, broken_by=_sshd_line("PasswordAuthentication", "yes"))
def keys_alone(file: File, _model: Model) -> Outcome:
    for option, good in (("passwordauthentication", ("no",)), ("kbdinteractiveauthentication", ("no",))):
        outcome = _sshd(file, option, good)
        if outcome.status == "failed":
            return outcome
    return (
        _sshd(file, "authenticationmethods", ("publickey", "any"))
        if "authenticationmethods" in (file.text or "").lower()
        else outcome
    )


@rule("SSH-04", phase="config", on=SSHD, broken_by=_sshd_line("Allow(?:Groups|Users)", ""))
def a_positive_list_of_users(file: File, _model: Model) -> Outcome:
    options = pairs(file.text or "")
    listed = first(options, "allowgroups") or first(options, "allowusers")
    return judged(bool(listed), listed or "anybody", "AllowGroups or AllowUsers")


@rule("SSH-05", phase="config", on=SSHD, broken_by=_sshd_line("X11Forwarding", "yes"))
def nothing_is_forwarded(file: File, _model: Model) -> Outcome:
    options = pairs(file.text or "")
    wanted = {"permituserenvironment": ("no",), "x11forwarding": ("no",), "allowagentforwarding": ("no",)}
    if file.tier != "bastion":
        wanted["allowtcpforwarding"] = ("no",)
    wrong = [f"{name} {first(options, name) or 'left to the default'}" for name, good in wanted.items()
             if first(options, name, "no" if name == "permituserenvironment" else "").lower() not in good]  # fmt: skip
    if file.tier == "bastion" and first(options, "allowtcpforwarding").lower() not in ("no", "local"):
        wrong.append(f"allowtcpforwarding {first(options, 'allowtcpforwarding') or 'left to the default'}")
    if (
        file.tier == "bastion"
        and first(options, "allowtcpforwarding").lower() == "local"
        and "permitopen" not in options
    ):
        wrong.append("no permitopen")
    return judged(not wrong, wrong or "nothing forwarded", "no; the bastion: local, limited by PermitOpen")


def _sshd_t(facts: Facts) -> dict[str, str] | None:
    said = (facts.data or {}).get("sshd")
    if isinstance(said, str):
        return {key: first(pairs(said), key) for key in pairs(said)}
    return {str(k).lower(): str(v).lower() for k, v in said.items()} if isinstance(said, dict) else None


def _effective(facts: Facts, wanted: dict[str, tuple[str, ...]]) -> Outcome:
    said = _sshd_t(facts)
    text = ", ".join(f"{name} {good[0]}" for name, good in wanted.items())
    if said is None:
        return unknown("sshd -T was not read", settled_in="runtime", expected=text)
    wrong = [f"{name} {said.get(name, 'absent')}" for name, good in wanted.items() if said.get(name) not in good]
    return judged(not wrong, wrong or text, text)


def _sshd_says(option: str, value: str) -> Mutation:
    return in_facts(lambda facts: facts["sshd"].update({option: value}))


@rule("HST-12", phase="runtime", on=targets.nodes, broken_by=_sshd_says("permitrootlogin", "yes"))
def root_cannot_log_in(facts: Facts, _model: Model) -> Outcome:
    return _effective(facts, {"permitrootlogin": ("no",)})


@rule("SSH-03", phase="runtime", on=targets.nodes, broken_by=_sshd_says("passwordauthentication", "yes"))
def keys_alone_in_effect(facts: Facts, _model: Model) -> Outcome:
    return _effective(
        facts,
        {"passwordauthentication": ("no",), "kbdinteractiveauthentication": ("no",), "pubkeyauthentication": ("yes",)},
    )


def _without_pins(model: Model) -> Model:
    from dataclasses import replace

    return replace(model, pinned_hosts=())


@rule(
    "SSH-06",
    phase="runtime",
    on=targets.nodes,
    broken_by=_without_pins,
)
def host_keys_are_pinned(facts: Facts, model: Model) -> Outcome:
    if model.pinned_hosts is None:
        return unknown("the pinned keys were not read", settled_in="runtime", expected="a pinned key")
    address = model.topology.node(facts.node).address
    pinned = facts.node in model.pinned_hosts or address in model.pinned_hosts
    return judged(pinned, "pinned" if pinned else "no pinned key", "a pinned key")


@rule(
    "HST-03",
    phase="config",
    on=targets.file_of_every_tier("90-hardening.conf"),
    broken_by=in_file("edge", "90-hardening.conf", r"^-?kernel\.kptr_restrict *= *\d", "kernel.kptr_restrict = 0"),
)
def kernel_settings(file: File, _model: Model) -> Outcome:
    if file.text is None:
        return failed("not rendered", SYSCTL)
    options = {key.lstrip("-"): values for key, values in pairs(file.text, "=").items()}
    wrong = [
        f"{name} = {first(options, name) or 'unset'}" for name, value in SYSCTL.items() if first(options, name) != value
    ]
    return judged(not wrong, wrong or "as wanted", SYSCTL)


@rule(
    "HST-03",
    phase="runtime",
    on=targets.nodes,
    broken_by=in_facts(lambda facts: facts.update(sysctl={"kernel.kptr_restrict": "0"}, container=False)),
)
def kernel_settings_in_effect(facts: Facts, model: Model) -> Outcome:
    values = (facts.data or {}).get("sysctl")
    if not values:
        return unknown("kernel settings were not read", settled_in="runtime", expected=SYSCTL)
    wrong = [
        f"{name} = {values.get(name, 'unset')}" for name, value in SYSCTL.items() if str(values.get(name)) != value
    ]
    if wrong and model.loaded.cloud.embedded and (facts.data or {}).get("container", True):
        return unknown(
            "the node is a system container: these settings are its host's", settled_in="process", expected=SYSCTL
        )
    return judged(not wrong, wrong or "as wanted", SYSCTL)


@rule(
    "HST-20",
    phase="config",
    on=targets.file_of_every_tier(".sources"),
    broken_by=in_file("edge", ".sources", r"^Signed-By:[^\n]*$", "Trusted: yes"),
)
def packages_are_signed(file: File, _model: Model) -> Outcome:
    wanted = "Signed-By, the mirror of the cloud file, nothing trusted unsigned"
    if file.text is None:
        return failed("not rendered", wanted)
    text = file.text.lower()
    stanzas = [s for s in re.split(r"\n\s*\n", file.text.strip()) if re.search(r"(?mi)^uris:", s)]
    unsigned = [s for s in stanzas if not re.search(r"(?mi)^signed-by:", s)]
    if unsigned or "trusted: yes" in text or "allow-insecure: yes" in text:
        return failed(f"{len(unsigned)} sources unsigned" if unsigned else "unsigned sources trusted", wanted)
    return judged(bool(stanzas), f"{len(stanzas)} signed sources", wanted)
