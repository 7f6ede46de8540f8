"""Configuration of what is not OpenStack: database, messages, names, time, mirror, registry, TLS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from socle.lab import apis
from socle.lab.machine import Machine
from socle.lab.wiring import DYNAMIC_ZONES, INSIDE, TSIG_NAME, Wiring


def mariadb() -> str:
    return f"""[mysqld]
user=mysql
datadir={INSIDE}/data/mysql
socket={INSIDE}/run/mysql/mysqld.sock
pid-file={INSIDE}/run/mysql/mysqld.pid
init-file={INSIDE}/etc/mysql-start.sql
bind-address=127.0.0.1
port={apis.DATABASE_PORT}
max_connections=600
skip-name-resolve
innodb_flush_log_at_trx_commit=0
innodb_doublewrite=0
innodb_log_file_size=32M
innodb_buffer_pool_size=192M
sync_binlog=0
performance_schema=OFF
character-set-server=utf8mb3
"""


def rabbitmq(secrets: Mapping[str, str]) -> str:
    return f"""listeners.tcp.1 = 127.0.0.1:{apis.MESSAGES_PORT}
distribution.listener.interface = 127.0.0.1
loopback_users = none
default_user = lab
default_pass = {secrets["messages"]}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
log.console = true
log.file = false
"""


def named(where: Wiring, machine: Machine, secrets: Mapping[str, str]) -> dict[str, str]:
    """{file below etc/named: text}; zone files are the first version only, named keeps its journal beside them."""
    data = f"{INSIDE}/data/named"
    forwarders = " ".join(f"{address};" for address in machine.resolvers)
    zones = [(where.domain, "none;"), *((zone, f"key {TSIG_NAME};") for zone in DYNAMIC_ZONES)]
    blocks = "".join(
        f'zone "{zone}" {{ type primary; file "{data}/{zone}.zone"; allow-update {{ {updaters} }}; }};\n'
        for zone, updaters in zones
    )
    control = f"inet 127.0.0.1 port {apis.NAMES_CONTROL_PORT} allow {{ 127.0.0.1; }} keys {{ rndc; }};"
    networks = f"127.0.0.1; {where.public}; {where.host_link.network};"
    files = {
        "named.conf": f"""options {{
  directory "{data}";
  listen-on port {apis.NAMES_PORT} {{ 127.0.0.1; {where.services}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  allow-query {{ {networks} }};
  allow-recursion {{ {networks} }};
  {f"forward only; forwarders {{ {forwarders} }};" if forwarders else ""}
  dnssec-validation no;
  allow-transfer {{ none; }};
  allow-new-zones yes;
  allow-notify {{ 127.0.0.1; }};
  request-ixfr no;
  notify no;
  minimal-responses yes;
}};
key "{TSIG_NAME}" {{ algorithm hmac-sha256; secret "{secrets["tsig"]}"; }};
{rndc_key(secrets)}controls {{ {control} }};
{blocks}"""
    }
    head = f"$TTL 60\n@ SOA ns.{where.domain}. hostmaster.{where.domain}. 1 300 60 86400 60\n@ NS ns.{where.domain}.\n"
    for zone, _ in zones:
        records = "".join(f"{name}. A {where.services}\n" for name in where.names) if zone == where.domain else ""
        files[f"{zone}.zone"] = head + records
    return files


def rndc_key(secrets: Mapping[str, str]) -> str:
    """Who holds it may add and remove zones: Designate."""
    return f'key "rndc" {{ algorithm hmac-sha256; secret "{secrets["rndc"]}"; }};\n'


def tsig_key(secrets: Mapping[str, str]) -> str:
    """The operator's key, in nsupdate's notation."""
    return f'key "{TSIG_NAME}" {{\n  algorithm hmac-sha256;\n  secret "{secrets["tsig"]}";\n}};\n'


def chrony(where: Wiring) -> str:
    """Serves the machine's own clock and never steers it (`chronyd -x`)."""
    return f"""local stratum 8
allow {where.public}
allow {where.host_link.network}
bindaddress {where.services}
port {apis.TIME_PORT}
cmdport 0
bindcmdaddress /
pidfile {INSIDE}/run/chronyd.pid
user root
"""


def mirror(where: Wiring, machine: Machine) -> str:
    """apt-cacher-ng: /debian and /debian-security are the machine's own package sources."""
    proxy = f"Proxy: {machine.apt_proxy}\n" if machine.apt_proxy else ""
    remaps = "".join(f"Remap-{name}: /{name} ; {uri}\n" for name, uri in machine.debian.items())
    return f"""CacheDir: {INSIDE}/mirror
LogDir: {INSIDE}/log/mirror
SocketPath: {INSIDE}/run/mirror.socket
Port: {apis.MIRROR_PORT}
BindAddress: {where.services} 127.0.0.1
ReportPage:
ExThreshold: 30
ForeGround: 1
{proxy}{remaps}"""


def registry() -> str:
    return f"""version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {INSIDE}/data/registry}}
  delete: {{enabled: false}}
http:
  addr: 127.0.0.1:{apis.REGISTRY_LOCAL_PORT}
  relativeurls: true
"""


def haproxy(where: Wiring, front: str, offered: Iterable[apis.Api], *, registry: bool = False) -> str:
    """TLS in front of these APIs on the services address; the registry is read-only from outside."""
    text = f"""global
  maxconn 2000
  ssl-default-bind-options ssl-min-ver TLSv1.2
  stats socket {INSIDE}/run/{front}.sock mode 600
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option http-server-close
"""
    rows = [(api.name, api.port, api.local_port, "") for api in offered]
    if registry:
        read_only = "  http-request deny unless { method GET HEAD }\n"
        rows.append(("registry", apis.REGISTRY_PORT, apis.REGISTRY_LOCAL_PORT, read_only))
    for name, port, local, extra in rows:
        text += f"""listen {name}
  bind {where.services}:{port} ssl crt {INSIDE}/etc/tls/services.pem alpn http/1.1
  http-request set-header X-Forwarded-Proto https
{extra}  server {name} 127.0.0.1:{local}
"""
    return text


def firewall(where: Wiring, offered: Iterable[apis.Api]) -> str:
    """Of the lab's own network namespace: what the world and the instances may reach."""
    tcp = ", ".join(
        str(port) for port in (*(api.port for api in offered), apis.REGISTRY_PORT, apis.MIRROR_PORT, apis.NAMES_PORT)
    )
    return f"""flush ruleset
table inet lab {{
  chain input {{
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
    meta l4proto icmp accept
    ip daddr {where.services} tcp dport {{ {tcp} }} accept
    ip daddr {where.services} udp dport {{ {apis.NAMES_PORT}, {apis.TIME_PORT} }} accept
  }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "eth0" oifname "br-ex" accept
    iifname "br-ex" oifname "eth0" ip saddr {where.public} accept
  }}
}}
"""
