"""The flow matrix: the only place where a port is written.

Security-group rules, nftables rules, service configuration, probes and the flow document are all derived from it.
Ports and their meaning: the documentation of LiveKit, coturn, PostgreSQL, etcd, Patroni, Valkey, pgBackRest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from socle.topology.flows import EVERY, OTHERS, End, Flow, Flows, Place, Probe, Protocol, PublicOf, Way


def flow(  # one line per flow below
    name: str,
    source: End | tuple[End, ...],
    target: End | tuple[End, ...],
    protocol: Protocol,
    ports: int | tuple[int, int],
    why: str,
    probe: Probe | None = None,
    where: Way | None = None,
) -> tuple[Flow, ...]:
    """One flow, or the same one from several ends, or to several."""
    first, last = ports if isinstance(ports, tuple) else (ports, ports)
    sources = source if isinstance(source, tuple) else (source,)
    targets = target if isinstance(target, tuple) else (target,)
    pairs = ((one, other) for one in sources for other in targets)
    return tuple(Flow(name, one, other, protocol, first, last, why, probe, where) for one, other in pairs)


_NONE = 0  # VRRP has no ports
_MEDIA_UDP = (7882, 7892)  # LiveKit's UDP mux: at least one port per vCPU
_RELAY = (49152, 65535)  # coturn's relay sockets
_SPEECH = (10000, 10199)  # two for each of a node's phone calls
_ETCD = (2379, 2380)
_JOINED = ("media", "recording", "telephony")  # LiveKit's own services find each other over the bus
_CLIENTS = ("application", "workers")
_PARTICIPANTS = ("recording", "telephony", "transcription", "subtitles")  # sit in rooms as people do

_LINES: tuple[tuple[Flow, ...], ...] = (
    # users
    flow("https", Place.INTERNET, "edge", "tcp", 443, "Pages and signalling (WebSocket) over TLS", "tls"),
    flow("media-udp", Place.INTERNET, "media", "udp", _MEDIA_UDP, "Audio and video, the shortest way", "call"),
    flow("media-tcp", Place.INTERNET, "media", "tcp", 7881, "Audio and video where UDP does not pass", "tcp"),
    flow("turn-udp", Place.INTERNET, "turn", "udp", 3478, "Relay and STUN over UDP", "stun"),
    flow("turn-tls", Place.INTERNET, "turn", "tcp", 443, "Relay for users whose network lets only TLS out", "tls"),
    flow("phone-signalling", Place.TRUNK, "telephony", "tcp", 5061, "Calls from the phone operator (SIP over TLS)"),
    flow("phone-media", Place.TRUNK, "telephony", "udp", _SPEECH, "Sound of the phone calls (SRTP)"),
    flow("phone-answer", "telephony", Place.TRUNK, "udp", _SPEECH, "The same, towards the operator"),
    # what stands before the edge
    flow(
        "balanced", Place.BALANCER, "edge", "tcp", 443, "The load balancer sees which edge answers", None,
        "load-balancer",
    ),
    flow(
        "virtual-address", "edge", "edge", "vrrp", _NONE, "The edges agree on who has the address", None,
        "virtual-address",
    ),
    # between tiers
    flow("signalling", "edge", "media", "tcp", 7880, "The edge passes WebSocket signalling on"),
    flow("pages", "edge", "application", "tcp", 8000, "The edge passes pages and API calls on"),
    flow("site", "edge", "application", "tcp", 8080, "The edge passes on what browsers show (Visio's front end)"),
    flow("rooms", _CLIENTS, "edge", "tcp", 443, "Visio opens and closes rooms (LiveKit's API, by its public name)"),
    flow("events", "media", "edge", "tcp", 443, "LiveKit tells Visio who came and went (webhooks)", None, "visio"),
    flow("admin-pages", "bastion", "edge", "tcp", 443, "Visio's administration, through the bastion", None, "visio"),
    flow(
        "relayed-media", "turn", PublicOf("media"), "udp", _MEDIA_UDP, "The relay sends users' media to the media nodes"
    ),
    flow("relayed-arrival", PublicOf("turn"), "media", "udp", _MEDIA_UDP, "The same, as the media nodes see it arrive"),
    flow("relay", PublicOf("media"), "turn", "udp", _RELAY, "Media nodes answer to the relay's sockets"),
    flow("relay-return", "media", PublicOf("turn"), "udp", _RELAY, "The same, as it leaves the media nodes"),
    flow("agents", _PARTICIPANTS, "media", "tcp", 7880, "Recorders, phones and agents join rooms"),
    flow("agents-media", _PARTICIPANTS, "media", "udp", _MEDIA_UDP, "and hear and see what is said there"),
    flow("media-bus", _JOINED, "bus", "tcp", 6379, "LiveKit's bus (Valkey over TLS)"),
    flow("bus-sentinel", (*_JOINED, "bus"), "bus", "tcp", 26379, "Who leads the bus (Sentinel)", None, "bus-votes"),
    flow("bus-replication", "bus", "bus", "tcp", 6379, "The bus is copied to its other nodes", None,
         "bus-votes"),
    flow("cache", _CLIENTS, "cache", "tcp", 6379, "Visio's sessions, cache and job queue (Valkey over TLS)"),
    flow("cache-sentinel", (*_CLIENTS, "cache"), "cache", "tcp", 26379, "Who leads the cache (Sentinel)", None,
         "cache-votes"),
    flow("cache-replication", "cache", "cache", "tcp", 6379, "The cache is copied to its other nodes", None,
         "cache-votes"),
    flow("database", _CLIENTS, "database", "tcp", 5432, "Visio's data (PostgreSQL over TLS)"),
    flow("database-replication", "database", "database", "tcp", 5432, "The database is copied to its other nodes",
         None, "database-votes"),
    flow("database-leader", "database", "database", "tcp", 8008, "Who leads the database (Patroni)"),
    flow("database-quorum", "database", "database", "tcp", _ETCD, "and the vote on it (etcd)"),
    flow("transcription", _CLIENTS, "transcription", "tcp", 8000, "Visio has recordings transcribed (TLS)"),
    flow("transcribed", "transcription", "edge", "tcp", 443, "and is told when one is", None, "visio"),
    flow("archive", "database", "backup", "tcp", 8432, "Backups and write-ahead logs (pgBackRest over TLS)"),
    # objects: the cloud's own store, or nodes where it has none
    flow(
        "objects", ("application", "workers", "recording"), Place.OBJECTS, "tcp", 443, "Recordings, files (S3)", None,
        "object-store",
    ),
    flow("objects-inside", ("database", "backup", "transcription"), "mirror", "tcp", 443, "S3 from networks inside",
         None, "object-store"),
    flow("upstream-objects", "mirror", Place.OBJECTS, "tcp", 443, "passed on to the cloud's store", None,
         "object-store"),
    flow(
        "own-objects", ("application", "workers", "recording", "transcription", "database", "backup"), "objects",
        "tcp", 443, "Recordings, files, backups (S3)", None, "own-objects",
    ),
    flow("downloads", "edge", Place.OBJECTS, "tcp", 443, "Users fetch their recordings (S3)", None, "downloads"),
    flow("own-downloads", "edge", "objects", "tcp", 443, "Users fetch their recordings (S3)", None, "own-downloads"),
    flow("objects-replication", "objects", "objects", "tcp", (6200, 6202), "Objects are copied to the other nodes",
         None, "own-objects"),
    # administration, metrics, logs
    flow(
        "administration", Place.ADMINISTRATION, "bastion", "tcp", 22, "Administrators enter by the bastion alone", "ssh"
    ),
    flow("ssh", "bastion", OTHERS, "tcp", 22, "Administration from the bastion"),
    flow("metrics", "monitoring", OTHERS, "tcp", 9100, "Metrics of every node, and of what it runs (over TLS)"),
    flow("metrics-twice", "monitoring", "monitoring", "tcp", 9100, "The monitoring nodes' own metrics, to each other",
         None, "monitoring-twice"),
    flow("alerts-twice", "monitoring", "monitoring", "tcp", 9094, "The monitoring nodes agree on who tells whom", None,
         "monitoring-twice"),
    flow("media-metrics", "monitoring", "media", "tcp", 6789, "LiveKit's own metrics"),
    flow("probe-pages", "monitoring", "edge", "tcp", 443, "The public names are asked for, as users do"),
    flow("probe-relay", "monitoring", "turn", "tcp", 443, "and the relay, as users do over TLS"),
    flow("dashboards", "bastion", "monitoring", "tcp", 443, "Dashboards and the status page, through the bastion"),
    flow("logs", OTHERS, "logs", "tcp", 6514, "Logs of every node (syslog by RELP over TLS)"),
    flow("logs-twice", "logs", "logs", "tcp", 6514, "The log nodes' own logs, to each other", None, "logs-twice"),
    flow("logs-onward", "logs", "mirror", "tcp", 6514, "Logs for the ministry's own collector (syslog over TLS)", None,
         "collector"),
    # what every node needs around it: from the mirror nodes, which alone ask outside
    flow("dhcp", EVERY, Place.DHCP, "udp", 67, "An instance asks for its address"),
    flow("dhcp-answer", Place.DHCP, EVERY, "udp", 68, "and is answered"),
    flow("names", OTHERS, "mirror", "udp", 53, "Name resolution"),
    flow("names-tcp", OTHERS, "mirror", "tcp", 53, "Name resolution, long answers"),
    flow("time", OTHERS, "mirror", "udp", 123, "Clocks"),
    flow("mirror", OTHERS, "mirror", "tcp", 3142, "Signed Debian packages"),
    flow("registry", ("media", "workers", *_PARTICIPANTS), "mirror", "tcp", 443, "Container images, pulled by digest"),
    flow("registry", "application", "mirror", "tcp", 443, "The same, and the identity provider, by its name"),
    flow("mail", (*_CLIENTS, "monitoring"), "mirror", "tcp", 587, "Mail to users, alerts (SMTP with STARTTLS)", None,
         "mail"),
    flow("upstream-names", "mirror", Place.NAMES, "udp", 53, "Names, from the ministry's resolver"),
    flow("upstream-names-tcp", "mirror", Place.NAMES, "tcp", 53, "Names, long answers"),
    flow("upstream-time", "mirror", Place.TIME, "udp", 123, "Clocks, from the ministry's server"),
    flow("upstream-mirror", "mirror", Place.MIRROR, "tcp", 3142, "Packages, from the ministry's mirror"),
    flow("upstream-registry", "mirror", Place.REGISTRY, "tcp", 443, "Images, from the ministry's registry"),
    flow("upstream-identity", "mirror", Place.IDENTITY, "tcp", 443, "Logins, checked by the identity provider", None,
         "visio"),
    flow("upstream-mail", "mirror", Place.MAIL, "tcp", 587, "Mail, to the ministry's relay", None, "mail"),
    flow("upstream-logs", "mirror", Place.COLLECTOR, "tcp", 6514, "Logs, to the ministry's collector", None,
         "collector"),
    # inside one node
    flow("local-cache", Place.LOOPBACK, _CLIENTS, "tcp", 6379, "Visio reaches the cache's leader (HAProxy)"),
    flow("local-rooms", Place.LOOPBACK, _CLIENTS, "tcp", 443, "Visio reaches an edge that answers (HAProxy)"),
    flow("local-identity", Place.LOOPBACK, "application", "tcp", 443, "Visio reaches the identity provider (HAProxy)",
         None, "visio"),
    flow("local-health", Place.LOOPBACK, ("recording", "telephony"), "tcp", 8080, "The node asks how it is"),
    flow("local-phone", Place.LOOPBACK, "telephony", "tcp", 5060, "LiveKit SIP listens there, too; nobody calls it"),
    flow("local-phone-udp", Place.LOOPBACK, "telephony", "udp", 5060, "The same"),
    flow("local-queue", Place.LOOPBACK, "transcription", "tcp", 6379, "Jobs that wait for their turn (Valkey)"),
    flow("local-page", Place.LOOPBACK, "recording", "tcp", 7980, "The recorder's browser shows what it records"),
    flow("local-speech", Place.LOOPBACK, ("transcription", "subtitles"), "tcp", 8001, "Speech becomes text (GPU)"),
    flow("local-mail", Place.LOOPBACK, _CLIENTS, "tcp", 587, "Visio reaches the mail relay (HAProxy)", None, "mail"),
    flow("inside-node", Place.LOOPBACK, EVERY, "tcp", 9100, "Metrics of the node, for its door", None, "watched"),
    flow("inside-nginx", Place.LOOPBACK, "edge", "tcp", 9113, "Metrics of nginx, for the node's door", None, "watched"),
    flow("inside-valkey", Place.LOOPBACK, ("bus", "cache"), "tcp", 9121, "Metrics of Valkey, for the node's door", None,
         "watched"),
    flow("inside-postgresql", Place.LOOPBACK, "database", "tcp", 9187, "Metrics of PostgreSQL, for the node's door",
         None, "watched"),
    flow("inside-prometheus", Place.LOOPBACK, "monitoring", "tcp", 9090, "Dashboards ask Prometheus"),
    flow("inside-alertmanager", Place.LOOPBACK, "monitoring", "tcp", 9093, "Prometheus hands alerts to Alertmanager"),
    flow("inside-prober", Place.LOOPBACK, "monitoring", "tcp", 9115, "Prometheus has public names asked for"),
    flow("resolver-stub", Place.LOOPBACK, EVERY, "udp", 53, "systemd-resolved's local stub"),
    flow("resolver-stub-tcp", Place.LOOPBACK, EVERY, "tcp", 53, "systemd-resolved's local stub"),
    flow("time-command", Place.LOOPBACK, EVERY, "udp", 323, "chronyc talks to chronyd"),
)  # fmt: skip
MATRIX: tuple[Flow, ...] = tuple(one for line in _LINES for one in line)


def port(name: str) -> int:
    """The one port of a flow of the matrix, by the flow's name."""
    return next(f for f in MATRIX if f.name == name).port


def written_out(tiers: Collection[str], ways: Collection[Way]) -> Flows:
    """The flows between tiers that are there, and of the ways of doing things that the stack has."""
    here = (one for one in MATRIX if one.where is None or one.where in ways)
    every = (one for flow_ in here for one in _each(flow_, tiers))
    return Flows(tuple(one for one in every if all(end in tiers for end in one.ends)))


def _each(flow_: Flow, tiers: Iterable[str]) -> Iterator[Flow]:
    if flow_.source in (EVERY, OTHERS):
        yield from (replace(flow_, source=t) for t in tiers if flow_.source == EVERY or t != flow_.target)
    elif flow_.target in (EVERY, OTHERS):
        yield from (replace(flow_, target=t) for t in tiers if flow_.target == EVERY or t != flow_.source)
    else:
        yield flow_
