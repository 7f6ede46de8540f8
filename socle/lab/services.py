"""The table of the lab's processes, in the form the supervisor reads (`inside/supervisor.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from socle.lab import apis
from socle.lab.wiring import CHASSIS, CODE, INSIDE, VENV, Wiring

Record = dict[str, Any]
RUN, DATA, ETC, LOG = (f"{INSIDE}/{name}" for name in ("run", "data", "etc", "log"))
OVN = f"{RUN}/ovn"
HOME = f"{ETC}/home"


def environment() -> dict[str, str]:
    """Of an OpenStack process: nothing of the host's environment reaches it."""
    return {
        "PATH": f"{VENV}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": HOME,
        "OS_KEYSTONE_CONFIG_DIR": f"{HOME}/.keystone",
        "OS_KEYSTONE_CONFIG_FILES": f"{HOME}/.keystone/keystone.conf",
        "OS_PLACEMENT_CONFIG_DIR": f"{HOME}/.placement",
        "OS_GLANCE_CONFIG_DIR": f"{HOME}/.glance",
        "OS_NOVA_CONFIG_DIR": f"{HOME}/.nova",
        "OS_NEUTRON_CONFIG_DIR": f"{HOME}/.neutron",
        "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
        "OS_DESIGNATE_CONFIG_DIR": f"{HOME}/.designate",
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # WHY: processes that begin together write stevedore's list of drivers into one file, each in the order of a set
        # of its own; mixed, that file may be valid and lack some. In one order they all write the same.
        "PYTHONHASHSEED": "0",
        "SOCLE_OVSDB": f"unix:{OVN}/db.sock",
        "SOCLE_CHASSIS": CHASSIS,
    }


def uwsgi(api: apis.Api) -> list[str]:
    """One master, one worker, six threads."""
    options = {
        "http-socket": f"127.0.0.1:{api.local_port}",
        "module": api.module,
        "processes": "1",
        "threads": "6",
        "buffer-size": "65535",
        "add-header": "Connection: close",
        "chunked-input-limit": str(16 << 20),  # one chunk; image clients send 1 MiB, above the default
        "set": "start-time={now}",  # Neutron with OVN names itself by it: an epoch (not %t), another one at each start
        "pyargv": "",
        "post-buffering": "0",
        "socket-timeout": "120",
    }
    flags = ("master", "die-on-term", "enable-threads", "lazy-apps", "need-app", "http-chunked-input",
             "thunder-lock", "disable-logging")  # fmt: skip
    command = [f"{VENV}/bin/uwsgi", *(f"--{flag}" for flag in flags)]
    for name, value in options.items():
        command += [f"--{name}", value]
    return command


def service(name: str, argv: Iterable[str], after: Iterable[str] = (), ready: str = "", **more: Any) -> Record:
    return {"name": name, "argv": list(argv), "after": list(after), "ready": ready, **more}


def once(name: str, argv: Iterable[str], after: Iterable[str] = (), **more: Any) -> Record:
    return service(name, argv, after, once=True, **more)


def stores() -> list[Record]:
    scheduler = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
    rabbit = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": f"{DATA}/rabbit",
        "LANG": "C.UTF-8",
        "RABBITMQ_NODENAME": "lab@localhost",
        "RABBITMQ_CONFIG_FILE": f"{ETC}/rabbitmq",
        "RABBITMQ_MNESIA_BASE": f"{DATA}/rabbit/mnesia",
        "RABBITMQ_LOG_BASE": f"{LOG}/rabbit",
        "RABBITMQ_DIST_PORT": "25673",
        "RABBITMQ_PID_FILE": f"{DATA}/rabbit/pid",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{DATA}/rabbit/enabled_plugins",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": scheduler,
    }
    cache = ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(apis.CACHE_PORT), "-U", "0", "-m", "64"]
    return [
        service(
            "mariadb", ["mariadbd", f"--defaults-file={ETC}/my.cnf"], base=True, user="mysql",
            owns=[f"{RUN}/mysql"], ready=f"tcp:127.0.0.1:{apis.DATABASE_PORT}",
        ),
        service(
            "rabbitmq", ["/usr/lib/rabbitmq/bin/rabbitmq-server"], base=True, user="rabbitmq", environment=rabbit,
            owns=[f"{DATA}/rabbit", f"{LOG}/rabbit"], ready=f"tcp:127.0.0.1:{apis.MESSAGES_PORT}",
        ),
        service("memcached", cache, ready=f"tcp:127.0.0.1:{apis.CACHE_PORT}", base=True),
    ]  # fmt: skip


def network(where: Wiring) -> list[Record]:
    """OVN's two databases and northd, one chassis with the userspace datapath (no kernel module)."""
    server = ["ovsdb-server", "--no-chdir"]
    vsctl = ["ovs-vsctl", f"--db=unix:{OVN}/db.sock", "--no-wait", "--timeout=20"]
    inside = {"OVN_RUNDIR": OVN, "OVS_RUNDIR": OVN, "OVN_DBDIR": f"{DATA}/ovn", "OVS_DBDIR": f"{DATA}/ovn"}
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **inside}
    ids = {
        "system-id": CHASSIS, "hostname": CHASSIS, "ovn-remote": f"unix:{OVN}/sb.sock", "ovn-encap-type": "geneve",
        "ovn-encap-ip": "127.0.0.1", "ovn-bridge-datapath-type": "netdev",
        "ovn-cms-options": f"enable-chassis-as-gw,availability-zones={':'.join(where.zones)}",
        "ovn-bridge-mappings": "physnet1:br-ex",
        "ovn-monitor-all": "true", "ovn-openflow-probe-interval": "0",
    }  # fmt: skip
    bridges: list[str] = []
    for name, extra in (("br-int", ["fail-mode=secure"]), ("br-ex", [])):
        bridges += ["--", "--may-exist", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", *extra]
    settings = [*vsctl, "init", "--", "set", "open", ".", *(f"external-ids:{k}={v}" for k, v in ids.items()), *bridges]
    rows = [
        once("ovn-files", ["sh", f"{CODE}/ovn-files.sh", f"{DATA}/ovn", OVN], base=True),
        service(
            "ovn-nb",
            [*server, f"{DATA}/ovn/nb.db", f"--remote=punix:{OVN}/nb.sock", f"--unixctl={OVN}/nb.ctl"],
            ["ovn-files"], f"ovn-nbctl --timeout=2 --db=unix:{OVN}/nb.sock --no-wait init", base=True,
        ),
        service(
            "ovn-sb",
            [*server, f"{DATA}/ovn/sb.db", f"--remote=punix:{OVN}/sb.sock", f"--unixctl={OVN}/sb.ctl"],
            ["ovn-files"], f"ovn-sbctl --timeout=2 --db=unix:{OVN}/sb.sock init", base=True,
        ),
        service(
            "ovn-northd",
            ["ovn-northd", f"--ovnnb-db=unix:{OVN}/nb.sock", f"--ovnsb-db=unix:{OVN}/sb.sock",
             f"--unixctl={OVN}/northd.ctl", "--no-chdir"],
            ["ovn-nb", "ovn-sb"], base=True,
        ),
        service(
            "ovs-db",
            [*server, f"{DATA}/ovn/conf.db", f"--remote=punix:{OVN}/db.sock", f"--unixctl={OVN}/ovsdb.ctl"],
            ["ovn-files"], f"ovs-vsctl --timeout=2 --db=unix:{OVN}/db.sock --no-wait show", base=True,
        ),
        once("ovs-settings", settings, ["ovs-db", "ovn-sb"], base=True),
        service(
            "ovs-vswitchd",
            ["ovs-vswitchd", f"unix:{OVN}/db.sock", f"--unixctl={OVN}/vswitchd.ctl", "--no-chdir",
             "--disable-system"],
            ["ovs-settings"], "file:/sys/class/net/br-ex", base=True,
        ),
        service(
            "ovn-controller", ["ovn-controller", f"unix:{OVN}/db.sock", "--no-chdir"],
            ["ovs-vswitchd", "ovn-sb"], base=True,
        ),
    ]  # fmt: skip
    for row in rows:
        row["environment"] = env
    prefix = where.public.prefixlen
    gateway = ["sh", f"{CODE}/gateway.sh", f"{where.gateway}/{prefix}", f"{where.services}/{prefix}", f"{ETC}/nft.conf"]
    return [*rows, once("gateway", gateway, ["ovs-vswitchd"], base=True)]


def surroundings(where: Wiring) -> list[Record]:
    mirror = ["apt-cacher-ng", "-c", f"{ETC}/mirror", "ForeGround=1"]
    return [
        service(
            "names", ["named", "-c", f"{ETC}/named/named.conf", "-f"], ["gateway"],
            f"tcp:{where.services}:{apis.NAMES_PORT}",
        ),
        service("time", ["chronyd", "-x", "-d", "-f", f"{ETC}/chrony.conf"], ["gateway"]),
        service(
            "mirror", mirror, ["gateway"], f"tcp:{where.services}:{apis.MIRROR_PORT}", user="apt-cacher-ng",
            owns=[f"{INSIDE}/mirror", f"{LOG}/mirror", f"{RUN}/mirror"],
        ),
        service(
            "registry", ["docker-registry", "serve", f"{ETC}/registry.yml"], (),
            f"tcp:127.0.0.1:{apis.REGISTRY_LOCAL_PORT}",
        ),
        tls("tls", f"{where.services}:{apis.REGISTRY_PORT}"),
    ]  # fmt: skip


def tls(name: str, address: str) -> Record:
    """The TLS front that etc/NAME.cfg describes."""
    return service(name, ["haproxy", "-db", "-f", f"{ETC}/{name}.cfg"], ["gateway"], f"tcp:{address}")


def openstack(where: Wiring) -> list[Record]:
    """Keystone first; the others in parallel as soon as what they call answers."""
    stored, called = ["mariadb", "memcached", "keystone"], ["mariadb", "rabbitmq", "memcached", "keystone"]
    after = {
        "keystone": ["mariadb", "memcached"], "placement": stored, "glance": stored,
        "neutron": [*called, "ovn-nb", "ovn-sb"], "nova": called, "cinder": called,
    }  # fmt: skip
    python = [f"{VENV}/bin/python", "-m"]
    rows = [service(api.name, uwsgi(api), after[api.name], api.local + "/") for api in apis.APIS]
    maintenance = [*python, "socle_lab.neutron", "--config-file", f"{HOME}/.neutron/neutron.conf"]
    rows += [
        service("neutron-maintenance", maintenance, ["neutron"]),
        service("nova-conductor", [f"{VENV}/bin/nova-conductor"], called),
        service("nova-scheduler", [f"{VENV}/bin/nova-scheduler"], [*called, "placement"]),
        service("cinder-scheduler", [f"{VENV}/bin/cinder-scheduler"], called),
        service("cinder-volume", [f"{VENV}/bin/cinder-volume"], called),
        service("nova-compute", [*python, "socle_lab.computes", *where.hosts], ["nova-conductor", "placement"]),
    ]
    for row in rows:
        row["environment"] = environment()
    return rows


def table(where: Wiring) -> list[Record]:
    """What every lab runs; `optional.rows` adds the rest."""
    return [*stores(), *network(where), *surroundings(where), *openstack(where)]
