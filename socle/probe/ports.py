"""Which TCP ports answer from outside. Connects only: no privilege, no packet of our own making."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice

from socle.probe.model import Check, Spot
from socle.topology.flows import Place
from socle.topology.model import Topology

ALL_PORTS = range(1, 65536)
# Where services usually listen: every well-known port, and the usual ones of databases, consoles, metrics,
# proxies, remote access, containers and their orchestrators. Source: IANA's registry, the products' defaults.
COMMON_PORTS = tuple(
    sorted(
        {*range(1, 1024)}
        | {1080, 1194, 1433, 1521, 1723, 1883, 2049, 2181, 2222, 2375, 2376, 2379, 2380, 3000, 3128, 3142, 3260, 3306}
        | {3389, 3478, 3479, 4000, 4222, 4369, 4443, 4444, 5000, 5001, 5060, 5061, 5349, 5350, 5432, 5433, 5555, 5601}
        | {5666, 5672, 5766, 5900, 5901, 5984, 5985, 5986, 6000, 6080, 6379, 6380, 6432, 6443, 6641, 6642, 6789, 7000}
        | {7001, 7878, 7880, 7881, 7882, 8000, 8008, 8080, 8081, 8086, 8088, 8090, 8200, 8300, 8404, 8443, 8500, 8774}
        | {8776, 8778, 8883, 8888, 9000, 9001, 9042, 9090, 9091, 9092, 9093, 9094, 9100, 9113, 9121, 9187, 9200, 9292}
        | {9300, 9418, 9443, 9641, 9696, 10000, 10050, 10051, 10250, 10255, 11211, 15672, 16509, 22222, 26379, 27017}
    )
)
WAIT = 0.8  # seconds for an answer; below the one second after which the kernel asks again
AT_ONCE = 8192  # sockets open at one time, where the machine allows it
GENTLY = 1024  # of an address that swallowed the answer of a port that is open
BUDGET = 240.0  # seconds for a whole scan


@dataclass(frozen=True)
class Scan:
    """One address. `refused` counts answers that say no; the rest was silence."""

    address: str
    scanned: int
    open: tuple[int, ...]
    refused: int
    complete: bool
    seconds: float
    moved: bool = False  # this machine's way to the address changed meanwhile: what answered was perhaps another


def scan(
    wanted: dict[str, Iterable[int]], *, wait: float = WAIT, budget: float = BUDGET, at_once: int = AT_ONCE
) -> dict[str, Scan]:
    """Address -> what answered. Bounded in sockets and in time; what was not reached in time is `complete=False`."""
    started = time.monotonic()
    ways = {address: way(address) for address in wanted}
    todo = _shuffled({address: list(ports) for address, ports in wanted.items()})
    opened: dict[str, list[int]] = defaultdict(list)
    refused: dict[str, int] = defaultdict(int)
    done: dict[str, int] = defaultdict(int)
    width = min(_width(), at_once)
    while batch := list(islice(todo, width)):
        if time.monotonic() - started > budget:
            break
        for address, port, error in _batch(batch, wait):
            if error == 0:
                opened[address].append(port)
            elif error == errno.ECONNREFUSED:
                refused[address] += 1
        for address, _port in batch:
            done[address] += 1
    seconds = round(time.monotonic() - started, 1)
    return {
        address: Scan(
            address,
            done[address],
            confirmed(address, opened[address]),
            refused[address],
            done[address] == len(list(ports)),
            seconds,
            way(address) != ways[address],
        )
        for address, ports in wanted.items()
    }


def datagrams(address: str) -> socket.socket:
    """A UDP socket of the address's family."""
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def way(address: str) -> str:
    """The address that this machine sends from, towards another; empty when there is no route. Sends nothing."""
    with datagrams(address) as udp:
        try:
            udp.connect((address, 9))
        except OSError:
            return ""
        return str(udp.getsockname()[0])


def _shuffled(wanted: dict[str, list[int]]) -> Iterator[tuple[str, int]]:
    """Address by address in turn, so that no node takes a whole burst."""
    for row in range(max((len(ports) for ports in wanted.values()), default=0)):
        for address, ports in wanted.items():
            if row < len(ports):
                yield address, ports[row]


def _width() -> int:
    """Raises this process's own soft limit of open files as far as it may."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = AT_ONCE + 512
    if soft < aim:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (aim if hard == resource.RLIM_INFINITY else min(aim, hard), hard)
            )
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(64, min(AT_ONCE, soft - 256))


def _batch(targets: Sequence[tuple[str, int]], wait: float) -> Iterator[tuple[str, int, int]]:
    """Yields (address, port, errno) of those that answered: 0 is open."""
    waiting: dict[int, tuple[socket.socket, str, int]] = {}
    poll = select.epoll()
    try:
        for address, port in targets:
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            error = one.connect_ex((address, port))
            if error == errno.EINPROGRESS:
                waiting[one.fileno()] = (one, address, port)
                poll.register(one.fileno(), select.EPOLLOUT | select.EPOLLONESHOT)
            else:
                one.close()
                yield address, port, error
        deadline = time.monotonic() + wait
        while waiting and (left := deadline - time.monotonic()) > 0:
            for number, _event in poll.poll(left, len(waiting)):
                one, address, port = waiting.pop(number)
                error = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or _unconnected(one)
                one.close()
                yield address, port, error
    finally:
        for one, _address, _port in waiting.values():
            one.close()
        poll.close()


def _unconnected(one: socket.socket) -> int:
    """A network that goes away wakes a socket without an error: connected is what has a peer."""
    try:
        one.getpeername()
    except OSError as error:
        return error.errno or errno.ENOTCONN
    return 0


def confirmed(address: str, found: Iterable[int], *, timeout: float = 3.0) -> tuple[int, ...]:
    """Those that answer a second time, with more patience."""

    def answers(port: int) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout):
            return True
        return False

    with ThreadPoolExecutor(32) as pool:
        ports = sorted(found)
        return tuple(port for port, open_ in zip(ports, pool.map(answers, ports), strict=True) if open_)


def wanted_ports(topology: Topology, tier: str, full: bool) -> tuple[int, ...]:
    """Every port on our own lab; elsewhere the whole flow matrix's and the common ones."""
    if full:
        return tuple(ALL_PORTS)
    matrix = {port for f in topology.flows if f.protocol == "tcp" for port in range(f.first, f.last + 1)}
    return tuple(sorted(matrix | set(COMMON_PORTS)))


def allowed_ports(topology: Topology, tier: str) -> dict[int, str]:
    """Port -> flow, of what may answer on a tier's public addresses."""
    outside = (Place.INTERNET, Place.ADMINISTRATION)
    return {
        port: flow.name
        for flow in topology.flows.into(tier)
        if flow.protocol == "tcp" and flow.source in outside
        for port in range(flow.first, flow.last + 1)
    }


def judge(topology: Topology, spot: Spot, seen: Scan) -> Check:
    """Nothing else is open. Says so only beside a port that did answer in the same scan."""
    allowed = allowed_ports(topology, spot.tier)
    extra = [port for port in seen.open if port not in allowed]
    control = [port for port in seen.open if port in allowed]
    facts = {
        "address": seen.address,
        "scanned": seen.scanned,
        "open": list(seen.open),
        "extra": extra,
        "missing": [flow for port, flow in allowed.items() if port not in seen.open],
        "refused": seen.refused,
        "control": control,
        "seconds": seen.seconds,
    }
    expected = _ranges(sorted(allowed)) or "none"
    if seen.moved:
        text = "the way to the address changed during the scan"
        return Check("ports", "tcp", "unknown", text, spot.name, expected, facts)
    opened = _ranges(list(seen.open)) or "none"
    if extra:
        return Check("ports", "tcp", "fail", f"open and in no flow: {_ranges(extra)}", spot.name, expected, facts)
    if not control:
        text = f"no open port answered among {seen.scanned}: closed cannot be told from cut off"
        return Check("ports", "tcp", "unknown", text, spot.name, expected, facts)
    if not seen.complete:
        return Check("ports", "tcp", "unknown", f"time ran out after {seen.scanned} ports", spot.name, expected, facts)
    return Check("ports", "tcp", "pass", f"open: {opened}, of {seen.scanned}", spot.name, expected, facts)


def _ranges(ports: Sequence[int]) -> str:
    """`22, 443, 7882-7892`; at most eight of them."""
    runs = [[port for _i, port in run] for _key, run in groupby(enumerate(ports), lambda pair: pair[1] - pair[0])]
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    more = [f"and {len(texts) - 8} more"] if len(texts) > 8 else []
    return ", ".join(texts[:8] + more)
