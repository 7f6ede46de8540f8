"""Nodes against ANSSI-BP-028, rule by rule of the guide: HST-02 to HST-25, NET-10, SSH-02. hosts.py has what is older.

What a system container cannot show is unknown there, and a person settles it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from policies import targets
from policies.formats import first, pairs
from policies.judges import settings
from socle.policy.model import Facts, File, Model
from socle.policy.mutation import Mutation, in_facts, in_file
from socle.policy.outcome import Outcome, failed, judged, not_applicable, unknown
from socle.policy.rule import rule

BOOT = ("pti=on", "page_poison=on", "slab_nomerge=yes", "spec_store_bypass_disable=seccomp", "spectre_v2=on", "mce=0",
        "page_alloc.shuffle=1", "rng_core.default_quality=500")  # fmt: skip
IPV4 = {
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
}
OFF6 = "net.ipv6.conf.all.disable_ipv6"
FILES = {
    "fs.suid_dumpable": "0",
    "fs.protected_fifos": "2",
    "fs.protected_regular": "2",
    "fs.protected_symlinks": "1",
    "fs.protected_hardlinks": "1",
}
DATA = "nosuid nodev noexec"
MOUNTED = dict.fromkeys(("/tmp", "/dev/shm", "/home", "/var/tmp"), DATA)  # noqa: S108  looked at, not written
# what may run with other rights than its caller's: Debian's own (R56), and few at the enhanced level (R57)
PRIVILEGED = {
    "/usr/bin/passwd",
    "/usr/bin/sudo",
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
    "/usr/sbin/unix_chkpwd",
}
BELOW_ENHANCED = {f"/usr/bin/{name}" for name in (
    "chage", "chfn", "chsh", "crontab", "expiry", "gpasswd", "mount", "newgrp", "ssh-agent", "su", "umount",
)} | {"/usr/lib/openssh/ssh-keysign", "/usr/libexec/pam-tmpdir/pam-tmpdir-helper"}  # fmt: skip
FROM_PACKAGES = {
    "/usr/bin/newuidmap",
    "/usr/bin/newgidmap",
    "/usr/lib/polkit-1/polkit-agent-helper-1",
    "/usr/bin/fusermount3",
}
SENSITIVE = {"/etc/shadow": 0o137, "/etc/gshadow": 0o137, "/etc/sudoers": 0o337, "/etc/ssh/sshd_config": 0o177,
             "/etc/crontab": 0o177, "/etc/passwd": 0o133, "/etc/group": 0o133}  # fmt: skip
AUDITED = ("-S init_module", "-S adjtimex", "-w /etc/shadow", "-w /etc/sudoers", "-S chmod", "-S rename",
           "-F exit=-EACCES", "-F path=/usr/bin/sudo", "-e 2")  # fmt: skip
OLD_SSH = re.compile(r"(sha1|md5|cbc|3des|arcfour|rc4|-dss|nistp|group1-|group14-|group-exchange|umac-64|\bnone\b)")
SEALED_WITHIN = 2 * 86_400  # seconds: its timer runs every day


def _hardening(facts: Facts, part: str) -> Any:
    return ((facts.data or {}).get("hardening") or {}).get(part)


def _container(facts: Facts) -> bool:
    return bool((facts.data or {}).get("container", True))


def _enhanced(model: Model, tier: str) -> bool:
    return model.topology.tier(tier).level == "enhanced"


def _says(part: str, value: Any, tier: str | None = None) -> Mutation:
    return in_facts(lambda facts: facts["hardening"].update({part: value}), tier=tier)


def _sysctl(key: str, value: str) -> Mutation:
    return in_facts(lambda facts: facts["sysctl"].update({key: value}))


def _settings(facts: Facts, wanted: Mapping[str, str], *, of_the_host: bool) -> Outcome:
    values = (facts.data or {}).get("sysctl")
    if not values:
        return unknown("kernel settings were not read", settled_in="runtime", expected=wanted)
    wrong = [f"{key} = {values.get(key, 'unset')}" for key, value in wanted.items() if str(values.get(key)) != value]
    if wrong and of_the_host and _container(facts):
        return unknown("the node is a system container: its host's settings", settled_in="process", expected=wanted)
    return judged(not wrong, wrong or "as wanted", wanted)


def files_of_enhanced(ending: str) -> Callable[[Model], Iterable[File]]:
    """One file of every tier of the enhanced level."""
    return lambda model: (model.file(tier.name, ending) for tier in model.topology.tiers if tier.level == "enhanced")


# --- kernel ----------------------------------------------------------------------------------------------------------


@rule(
    "HST-02",
    phase="config",
    on=targets.file_of_every_tier("90-socle.cfg"),
    broken_by=in_file("edge", "90-socle.cfg", r"pti=on ", ""),
)
def the_boot_loader_is_told(file: File, _model: Model) -> Outcome:
    words = set(re.findall(r"[\w.]+=[\w.,]+", file.text or ""))
    return judged(set(BOOT) <= words, sorted(set(BOOT) - words) or "as wanted", BOOT)


@rule("HST-02", phase="runtime", on=targets.nodes, broken_by=_says("cmdline", ["quiet"]))
def the_kernel_was_started_so(facts: Facts, _model: Model) -> Outcome:
    words = _hardening(facts, "cmdline")
    if words is None or _container(facts):
        return unknown("the kernel is the host's, or was not asked", settled_in="process", expected=BOOT)
    missing = [word for word in BOOT if word not in words]
    return judged(not missing, missing or "as wanted", BOOT)


@rule("HST-05", phase="runtime", on=targets.nodes, broken_by=_sysctl("kernel.yama.ptrace_scope", "0"))
def programs_do_not_read_each_other(facts: Facts, _model: Model) -> Outcome:
    return _settings(facts, {"kernel.yama.ptrace_scope": "1"}, of_the_host=True)


@rule("HST-06", phase="runtime", on=targets.nodes, broken_by=_sysctl("net.ipv4.conf.all.accept_redirects", "1"))
def ipv4_in_effect(facts: Facts, _model: Model) -> Outcome:
    return _settings(facts, IPV4, of_the_host=False)


@rule("NET-10", phase="runtime", on=targets.nodes, broken_by=_sysctl(OFF6, "0"))
def ipv6_is_off_where_nobody_comes_by_it(facts: Facts, model: Model) -> Outcome:
    if model.topology.node(facts.node).address6:
        return not_applicable("users come by IPv6 too; the flow matrix says how")
    seen = ((facts.data or {}).get("sysctl") or {}).get(OFF6)
    if seen is None:
        return unknown("not read", settled_in="runtime", expected=f"{OFF6} = 1")
    return judged(seen == "1", f"{OFF6} = {seen}", f"{OFF6} = 1")


@rule("HST-07", phase="runtime", on=targets.nodes, broken_by=_sysctl("fs.suid_dumpable", "2"))
def files_are_protected(facts: Facts, _model: Model) -> Outcome:
    return _settings(facts, FILES, of_the_host=True)


@rule("HST-08", phase="runtime", on=targets.nodes, broken_by=_says("mounts", {"/home": ["rw"]}))
def folders_of_data_run_nothing(facts: Facts, _model: Model) -> Outcome:
    mounts = _hardening(facts, "mounts")
    if mounts is None:
        return unknown("mounts were not read", settled_in="runtime", expected=MOUNTED)
    wrong = [f"{path}: {' '.join(mounts.get(path, ())) or 'no mount of its own'}" for path, options in MOUNTED.items()
             if not set(options.split()) <= set(mounts.get(path, ()))]  # fmt: skip
    if wrong and _container(facts) and not _hardening(facts, "may_mount"):
        return unknown("the node is a system container that may not mount", settled_in="process", expected=MOUNTED)
    return judged(not wrong, wrong or "as wanted", MOUNTED)


# --- accounts --------------------------------------------------------------------------------------------------------


@rule(
    "HST-10",
    phase="config",
    on=targets.file_of_every_tier("faillock.conf"),
    broken_by=in_file("edge", "faillock.conf", r"^deny = 3$", "deny = 30"),
)
def wrong_passwords_close_an_account(file: File, _model: Model) -> Outcome:
    return settings(file, {"deny": "3", "fail_interval": "900", "unlock_time": "900"}, "=")


@rule(
    "HST-10",
    phase="runtime",
    on=targets.nodes,
    broken_by=in_facts(lambda facts: facts["hardening"]["pam"].remove("pam_pwquality")),
)
def passwords_are_weighed(facts: Facts, _model: Model) -> Outcome:
    wanted = ["pam_faillock", "pam_pwquality", "yescrypt"]
    found = _hardening(facts, "pam")
    if found is None:
        return unknown("PAM was not read", settled_in="runtime", expected=wanted)
    missing = [name for name in wanted if name not in found]
    return judged(not missing, missing or "as wanted", wanted)


@rule(
    "HST-11",
    phase="config",
    on=targets.file_of_every_tier("/etc/profile.d/socle.sh"),
    broken_by=in_file("edge", "/etc/profile.d/socle.sh", r"TMOUT=600", "TMOUT=6000"),
)
def an_idle_shell_ends(file: File, _model: Model) -> Outcome:
    found = re.search(r"^typeset -xr TMOUT=(\d+)$", file.text or "", re.M)
    return judged(found is not None and 0 < int(found[1]) <= 600, found[0] if found else "no limit", "600 s or less")


@rule(
    "HST-13",
    phase="config",
    on=targets.file_of_every_tier("login.defs"),
    broken_by=in_file("bastion", "login.defs", r"^UMASK 077$", "UMASK 022"),
)
def what_is_written_is_one_s_own(file: File, model: Model) -> Outcome:
    wanted = ("077",) if _enhanced(model, file.tier) else ("027", "077")
    value = first(pairs(file.text or ""), "umask")
    return judged(value in wanted, f"UMASK {value or 'left to the default'}", f"UMASK {wanted[0]}")


@rule(
    "HST-15",
    phase="config",
    on=targets.file_of_every_tier("/etc/sudoers"),
    broken_by=in_file("edge", "/etc/sudoers", r"^Defaults noexec$", ""),
)
def sudo_s_defaults(file: File, _model: Model) -> Outcome:
    wanted = ("noexec", "requiretty", "use_pty", "umask=0077", "ignore_dot", "env_reset")
    said = set(re.findall(r"^Defaults\s+(\S+)$", file.text or "", re.M))
    missing = [name for name in wanted if name not in said]
    given = re.findall(r"^[^#@\s]\S*\s+\S+\s*=.*$", re.sub(r"(?m)^Defaults.*$", "", file.text or ""), re.M)
    return judged(
        not missing and not given, missing or given or "as wanted", "no command given to all; " + ", ".join(wanted)
    )


# --- files -----------------------------------------------------------------------------------------------------------


@rule("HST-16", phase="runtime", on=targets.nodes, broken_by=_says("sensitive", {"/etc/shadow": "0644"}))
def sensitive_files_are_closed(facts: Facts, _model: Model) -> Outcome:
    wanted = {path: f"0{0o7777 & ~mask & 0o666:o} or stricter" for path, mask in SENSITIVE.items()}
    found = _hardening(facts, "sensitive")
    if not found:
        return unknown("rights were not read", settled_in="runtime", expected=wanted)
    open_ = [f"{path} {mode}" for path, mode in found.items() if int(mode, 8) & SENSITIVE.get(path, 0)]
    return judged(not open_, open_ or "as wanted", wanted)


@rule("HST-17", phase="runtime", on=targets.nodes, broken_by=_says("loose", ["/srv/left: nobody's"]))
def every_file_is_somebody_s(facts: Facts, _model: Model) -> Outcome:
    wanted = "no file without an owner, none that all may write, no shared folder without its sticky bit"
    found = _hardening(facts, "loose")
    if found is None:
        return unknown("files were not looked for", settled_in="runtime", expected=wanted)
    return judged(not found, found or "none", wanted)


@rule("HST-18", phase="runtime", on=targets.nodes, broken_by=_says("privileged", ["/usr/local/bin/shell"]))
def few_programs_have_other_rights(facts: Facts, model: Model) -> Outcome:
    allowed = PRIVILEGED | FROM_PACKAGES | (set() if _enhanced(model, facts.tier) else BELOW_ENHANCED)
    found = _hardening(facts, "privileged")
    if found is None:
        return unknown("setuid and setgid were not looked for", settled_in="runtime", expected=sorted(allowed))
    strange = sorted(set(found) - allowed)
    return judged(not strange, strange or sorted(found), sorted(allowed))


# --- watched ---------------------------------------------------------------------------------------------------------


@rule(
    "HST-14", phase="runtime", on=targets.nodes, broken_by=_says("apparmor", {"enforce": 0, "complain": 2}, "bastion")
)
def programs_are_confined(facts: Facts, model: Model) -> Outcome:
    wanted = "AppArmor's profiles in enforce mode"
    if not _enhanced(model, facts.tier):
        return not_applicable("asked for at the enhanced level")
    found = _hardening(facts, "apparmor")
    if found is None and _container(facts):
        return unknown("the node is a system container: AppArmor is its host's", settled_in="process", expected=wanted)
    if found is None:
        return failed("AppArmor is off", wanted)
    return judged(found["enforce"] > 0 and not found["complain"], found, wanted)


@rule("HST-21", phase="runtime", on=targets.nodes, broken_by=_says("updates", {"timer": "inactive", "reboot": False}))
def corrections_come_by_themselves(facts: Facts, _model: Model) -> Outcome:
    wanted = "the timer of security corrections runs, and no reboot waits"
    found = _hardening(facts, "updates")
    if found is None:
        return unknown("updates were not read", settled_in="runtime", expected=wanted)
    return judged(found["timer"] == "active" and not found["reboot"], found, wanted)


@rule(
    "HST-23",
    phase="config",
    on=files_of_enhanced("rules.d/socle.rules"),
    broken_by=in_file("bastion", "rules.d/socle.rules", r"^-e 2$", "-e 1"),
)
def what_is_audited(file: File, _model: Model) -> Outcome:
    missing = [part for part in AUDITED if part not in (file.text or "")]
    return judged(not missing, missing or "as wanted", AUDITED)


@rule("HST-23", phase="runtime", on=targets.nodes, broken_by=_says("audit", {"enabled": 1, "rules": 0}, "bastion"))
def the_audit_runs_and_stays(facts: Facts, model: Model) -> Outcome:
    wanted = "rules loaded, and none changed before the next start"
    if not _enhanced(model, facts.tier):
        return not_applicable("asked for at the enhanced level")
    found = _hardening(facts, "audit")
    if found is None and _container(facts):
        return unknown("the node is a system container: the audit is its host's", settled_in="process", expected=wanted)
    if found is None:
        return failed("no audit", wanted)
    return judged(found["enabled"] == 2 and found["rules"] > 0, found, wanted)


@rule(
    "HST-24",
    phase="runtime",
    on=targets.nodes,
    broken_by=in_facts(lambda facts: facts["sockets"].append(
        {"protocol": "tcp", "address": "192.0.2.1", "port": 25, "process": "master"})),
)  # fmt: skip
def nobody_takes_mail(facts: Facts, _model: Model) -> Outcome:
    wanted = "port 25 closed, or on loopback"
    sockets = (facts.data or {}).get("sockets")
    if sockets is None:
        return unknown("sockets were not read", settled_in="runtime", expected=wanted)
    mail = [one for one in sockets if one["protocol"] == "tcp" and one["port"] == 25]
    open_ = [f"{one['process']} on {one['address']}" for one in mail if one["address"][:4] not in ("127.", "::1")]
    return judged(not open_, open_ or "closed", wanted)


@rule(
    "HST-25",
    phase="config",
    on=files_of_enhanced("/aide.conf"),
    broken_by=in_file("bastion", "/aide.conf", r"^/etc Sealed$", ""),
)
def what_is_sealed(file: File, _model: Model) -> Outcome:
    wanted = ("/boot Sealed", "/etc Sealed", "/usr/bin Sealed", "/usr/sbin Sealed", "/usr/lib Sealed")
    missing = [line for line in wanted if line not in (file.text or "").splitlines()]
    return judged(not missing, missing or "as wanted", wanted)


@rule(
    "HST-25",
    phase="runtime",
    on=targets.nodes,
    broken_by=_says("sealed", {"age": 9 * 86_400, "uptime": 9 * 86_400}, "bastion"),
)
def seals_are_looked_at(facts: Facts, model: Model) -> Outcome:
    wanted = "seals looked at within two days"
    if not _enhanced(model, facts.tier):
        return not_applicable("asked for at the enhanced level")
    found = _hardening(facts, "sealed")
    if found is None:
        return unknown("seals were not looked for", settled_in="runtime", expected=wanted)
    age = found["age"]
    if age is None and found["uptime"] < SEALED_WITHIN:
        return unknown(
            "the first seal is made half an hour after the node's start", settled_in="runtime", expected=wanted
        )
    return judged(age is not None and age <= SEALED_WITHIN, f"{age} s ago" if age is not None else "no seal", wanted)


@rule(
    "SSH-02",
    phase="runtime",
    on=targets.nodes,
    broken_by=in_facts(lambda facts: facts["sshd"].update(macs="hmac-sha1,hmac-sha2-256")),
)
def nothing_old_is_spoken(facts: Facts, _model: Model) -> Outcome:
    wanted = "no CBC, SHA-1, MD5, small group nor curve in doubt"
    said = (facts.data or {}).get("sshd") or {}
    lists = {
        name: str(said[name]) for name in ("ciphers", "macs", "kexalgorithms", "hostkeyalgorithms") if said.get(name)
    }
    if len(lists) < 4:
        return unknown("sshd -T was not read", settled_in="runtime", expected=wanted)
    old = [one for listed in lists.values() for one in listed.split(",") if OLD_SSH.search(one)]
    return judged(not old, old or "as wanted", wanted)
