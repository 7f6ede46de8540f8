#!/usr/bin/python3
"""Reads what runs on a node and prints it as one JSON object. Arguments: paths of files to describe. No secret in it."""

import glob
import grp
import hashlib
import json
import os
import pwd
import re
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

SYSCTL = (
    "kernel.dmesg_restrict", "kernel.kptr_restrict", "kernel.randomize_va_space", "kernel.sysrq",
    "kernel.unprivileged_bpf_disabled", "kernel.perf_event_paranoid", "kernel.yama.ptrace_scope", "fs.suid_dumpable",
    "fs.protected_symlinks", "fs.protected_hardlinks", "fs.protected_fifos", "fs.protected_regular",
    "net.ipv4.ip_forward", "net.ipv4.tcp_syncookies", "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.all.send_redirects", "net.ipv4.conf.all.accept_source_route",
    "net.ipv6.conf.all.disable_ipv6", "net.core.rmem_max", "net.core.wmem_max",
)
CAP_SYS_TIME, CAP_SYS_ADMIN = 25, 21
SENSITIVE = ("/etc/shadow", "/etc/gshadow", "/etc/passwd", "/etc/group", "/etc/sudoers", "/etc/ssh/sshd_config", "/etc/crontab")
DATA = ("/tmp", "/dev/shm", "/home", "/opt", "/var/tmp", "/var/log")
BOOT = ("pti", "page_poison", "slab_nomerge", "spec_store_bypass_disable", "spectre_v2", "mce", "page_alloc.shuffle",
        "rng_core.default_quality", "l1tf", "mds", "slub_debug", "iommu", "apparmor", "audit")
SEALS = "/var/lib/aide/aide.db"
METADATA = ("169.254.169.254", 80)  # the cloud's service of instance metadata
TLS = ("/etc/nginx/tls", "/etc/turnserver", "/etc/valkey/tls", "/etc/patroni/tls", "/etc/rsyslog-socle",
       "/etc/prometheus/tls", "/etc/prometheus/client")
COLLECTED = "/var/log/collected"  # on a log node: node/day.log
PACKAGE_SOURCES = "/etc/apt/sources.list.d/*.sources"
ROOT = "/"  # where files are looked for
PATIENCE = 2  # seconds for a connection; what is dropped never answers


def run(*command):
    """Its standard output; empty when the program is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def read(path):
    try:
        with open(path) as stream:
            return stream.read()
    except OSError:
        return ""


def os_release():
    pairs = (line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
    values = {key: value.strip('"') for key, value in pairs}
    return {"id": values.get("ID"), "version": values.get("VERSION_ID"), "debian": read("/etc/debian_version").strip(),
            "kernel": os.uname().release}


def sockets():
    """Listening TCP sockets and bound UDP ones, each with the process that holds it."""
    found = set()
    for line in run("ss", "-Hltnup").splitlines():
        protocol, _state, _receive, _send, local, *rest = line.split()
        address, _, port = local.rpartition(":")
        process = re.search(r'\(\("([^"]+)"', " ".join(rest))
        found.add((protocol, address.strip("[]").partition("%")[0], int(port), process[1] if process else ""))
    return [dict(zip(("protocol", "address", "port", "process"), one)) for one in sorted(found)]


def sshd():
    said = run("sshd", "-T") or run("/usr/sbin/sshd", "-T")
    values = {}
    for line in said.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key.lower(), value)
    return values


def failed_units():
    return [line.split()[0] for line in run("systemctl", "list-units", "--failed", "--plain", "--no-legend").splitlines()]


def services():
    units = ("ssh", "nftables", "chrony", "systemd-journald", "systemd-resolved", "livekit", "coturn", "nginx",
             "keepalived", "unbound", "valkey-server", "patroni", "etcd", "rsyslog", "apparmor", "auditd")
    return {unit: state(unit) for unit in units}


def state(unit):
    return subprocess.run(["systemctl", "is-active", unit], capture_output=True, text=True, check=False).stdout.strip()


def packages():
    lines = run("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n").splitlines()
    return {name: version for status, name, version in (line.split() for line in lines) if status == "installed"}


def files(paths):
    found = {}
    for path in paths:
        try:
            info = os.lstat(path)
        except OSError:
            found[path] = None
            continue
        found[path] = {"owner": name(pwd.getpwuid, info.st_uid), "group": name(grp.getgrgid, info.st_gid),
                       "mode": format(info.st_mode & 0o7777, "04o")}
        if os.path.isfile(path):
            with open(path, "rb") as stream:
                found[path]["sha256"] = hashlib.sha256(stream.read()).hexdigest()
    return found


def name(database, number):
    try:
        return database(number)[0]
    except KeyError:
        return str(number)


def images():
    try:
        listed = json.loads(run("podman", "images", "--format", "json") or "[]")
    except ValueError:
        return []
    return [{"names": image.get("Names") or [], "digests": sorted(image.get("RepoDigests") or [image.get("Digest")])}
            for image in listed]


def containers():
    try:
        listed = json.loads(run("podman", "ps", "--format", "json") or "[]")
    except ValueError:
        return []
    return [{"name": (one.get("Names") or [""])[0], "image": one.get("Image"), "state": one.get("State")} for one in listed]


def sysctl():
    values = {key: read("/proc/sys/" + key.replace(".", "/")).strip() for key in SYSCTL}
    return {key: value for key, value in values.items() if value}


def may(capability):
    """Whether anything on this node may do that."""
    bounding = int((re.search(r"CapBnd:\s*(\w+)", read("/proc/1/status")) or ["", "0"])[1], 16)
    return bool(bounding >> capability & 1)


def clock():
    """`offset` in seconds. `steered`: whether this node may set its clock at all."""
    fields = run("chronyc", "-c", "-n", "tracking").strip().split(",")
    sources = [line.split(",") for line in run("chronyc", "-c", "-n", "sources").splitlines()]
    known = len(fields) > 5 and bool(fields[0].strip("0"))
    return {
        "synchronised": known and fields[-1] != "Not synchronised",
        "offset": float(fields[4]) if known else None,
        "sources": [{"address": one[2], "selected": one[1] == "*"} for one in sources if len(one) > 2],
        "steered": may(CAP_SYS_TIME),
    }


def firewall():
    try:
        return json.loads(run("nft", "-j", "list", "table", "inet", "socle") or "{}").get("nftables")
    except ValueError:
        return None


def mounts():
    rows = (line.split() for line in read("/proc/self/mounts").splitlines())
    wanted = ("ext4", "xfs", "btrfs", "overlay", "tmpfs")
    return [{"device": row[0], "path": row[1], "type": row[2], "options": row[3].split(",")} for row in rows if row[2] in wanted]


def volumes():
    """Where a block device other than the root's is mounted; `encrypted`: through dm-crypt, as the kernel says it."""
    found = {}
    for row in (line.split() for line in read("/proc/self/mounts").splitlines()):
        device, path = os.path.realpath(row[0]), row[1]
        if row[0].startswith("/dev/") and path != "/" and os.path.isdir(path):
            mapped = read("/sys/class/block/" + os.path.basename(device) + "/dm/uuid")
            found[path] = {"device": row[0], "encrypted": mapped.startswith("CRYPT-")}
    return found


def accounts():
    shadow = {line.split(":")[0]: line.split(":")[1] for line in read("/etc/shadow").splitlines()}
    shells = [entry.pw_name for entry in pwd.getpwall() if not entry.pw_shell.endswith(("nologin", "false", "sync"))]
    with_password = sorted(user for user, field in shadow.items() if field and field[0] not in "!*")
    return {"with_shell": sorted(shells), "with_password": with_password, "root_locked": shadow.get("root", "")[:1] in ("!", "*")}


def apparmor():
    """Its loaded profiles by mode; None where the kernel shows none to this node."""
    text = read("/sys/kernel/security/apparmor/profiles")
    return {mode: text.count("(" + mode + ")") for mode in ("enforce", "complain")} if text else None


def audit():
    """`enabled` is 2 when no rule can be changed before the next start; None where the kernel's audit does not answer."""
    enabled = re.search(r"^enabled (\d)", run("auditctl", "-s"), re.M)
    return {"enabled": int(enabled[1]), "rules": run("auditctl", "-l").count("-")} if enabled else None


def on_disk():
    """On the root file system, images of containers left out: `s`, programs with other rights than their caller's, and
    `l`, files that are nobody's or anybody's. None where it could not be looked for."""
    command = ("find", ROOT, "-xdev", "-path", "/var/lib/containers", "-prune",
               "-o", "-type", "f", "-perm", "/6000", "-printf", "s %p\\n",
               ",", "(", "-nouser", "-o", "-nogroup", ")", "-printf", "l %p\\n",
               ",", "-type", "f", "-perm", "-0002", "-printf", "l %p\\n",
               ",", "-type", "d", "-perm", "-0002", "!", "-perm", "-1000", "-printf", "l %p\\n")
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {"s": None, "l": None}
    # what vanished meanwhile makes it complain, so its exit code says nothing
    lines = sorted(set(done.stdout.splitlines()))
    return {kind: [line[2:] for line in lines if line[:1] == kind][:50] for kind in "sl"}


def hardening():
    """What ANSSI-BP-028 asks about beside the rest."""
    found = on_disk()
    options = {row["path"]: row["options"] for row in mounts() if row["path"] in DATA}
    pam = "".join(read(path) for path in sorted(glob.glob("/etc/pam.d/common-*")))
    uptime = int(float((read("/proc/uptime").split() or ["0"])[0]))
    return {
        "cmdline": [word for word in read("/proc/cmdline").split() if word.split("=")[0] in BOOT], "mounts": options, "may_mount": may(CAP_SYS_ADMIN),
        "pam": [word for word in ("pam_faillock", "pam_pwquality", "yescrypt") if word in pam],
        "sensitive": {path: info["mode"] for path, info in files(SENSITIVE).items() if info},
        "privileged": found["s"], "loose": found["l"],
        "apparmor": apparmor(), "audit": audit(),
        "updates": {"timer": state("apt-daily-upgrade.timer"), "reboot": os.path.exists("/run/reboot-required")},
        "sealed": {"age": int(time.time() - os.stat(SEALS).st_mtime) if os.path.exists(SEALS) else None, "uptime": uptime},
    }


def certificates():
    found = {}
    for path in (one for folder in TLS for one in sorted(glob.glob(folder + "/*.crt"))):
        text = run("openssl", "x509", "-in", path, "-noout", "-enddate")
        found[path] = text.partition("=")[2].strip() or None
    return found


def collected():
    """On a log node: when each node's file was last written, the oldest day, and files that are not root's alone."""
    if not os.path.isdir(COLLECTED):
        return None
    nodes, days, exposed = {}, set(), []
    for path in glob.glob(COLLECTED + "/*/*.log*"):
        folder, name = path.split("/")[-2:]
        try:
            info = os.lstat(path)
        except OSError:
            continue
        nodes[folder] = max(nodes.get(folder, 0), info.st_mtime)
        days.add(name[:10])
        if info.st_uid or info.st_mode & 0o137:
            exposed.append(folder + "/" + name)
    return {"at": time.time(), "nodes": nodes, "oldest": min(days, default=None), "exposed": sorted(exposed)[:20]}


def reaches(address):
    try:
        socket.create_connection(address, timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def metadata():
    """Whether the metadata service takes a connection, beside `control`: whether the package server does, which must,
    else silence says nothing of this node."""
    written = "".join(read(path) for path in sorted(glob.glob(PACKAGE_SOURCES)))
    uri = re.search(r"^URIs:\s*(\S+)", written, re.M)
    server = urlsplit(uri[1]) if uri else None
    control = server is not None and server.hostname is not None
    return {
        "answers": reaches(METADATA),
        "control": control and reaches((server.hostname, server.port or (443 if server.scheme == "https" else 80))),
    }


def main():
    container = run("systemd-detect-virt", "--container").strip()
    facts = {
        "hardening": hardening(),
        "os": os_release(), "container": container not in ("", "none"), "virtualisation": container or "none",
        "sockets": sockets(), "sshd": sshd(), "firewall": firewall(), "failed_units": failed_units(),
        "services": services(), "packages": packages(), "files": files(sys.argv[1:]), "images": images(),
        "containers": containers(), "sysctl": sysctl(), "time": clock(), "mounts": mounts(), "volumes": volumes(),
        "accounts": accounts(), "certificates": certificates(), "metadata": metadata(),
        "collected": collected(),
    }
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main()
