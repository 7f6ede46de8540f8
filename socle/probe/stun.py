"""STUN binding (RFC 8489) and TURN allocation (RFC 8656), over UDP and over TLS: which transport of a relay is dead.

Our own few lines, because a probe must see each step; calls use a real client's stack.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from socle.probe.ports import datagrams
from socle.probe.tls import trust

COOKIE = 0x2112A442
BINDING, ALLOCATE, REFRESH, PERMISSION = 0x0001, 0x0003, 0x0004, 0x0008
USERNAME, INTEGRITY, ERROR, LIFETIME, PEER, RELAYED = 0x0006, 0x0008, 0x0009, 0x000D, 0x0012, 0x0016
REALM, NONCE, TRANSPORT, MAPPED = 0x0014, 0x0015, 0x0019, 0x0020
IPV6 = 2  # family of an address
TRIES, WAIT = 4, 1.0
Attributes = dict[int, bytes]
Exchange = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Answer:
    """`mapped`: our address as the server sees it; `relayed`: the address it lent us.

    `peers`: addresses that the relay was asked to send to -> granted, or the code of its refusal.
    """

    failure: str
    mapped: str = ""
    relayed: str = ""
    peers: Mapping[str, str] = field(default_factory=dict)


def credentials(secret: str, lifetime: int = 600) -> tuple[str, str]:
    """User and password of coturn's `use-auth-secret`: an expiry and a name, signed.

    The name is new each time: the relay's quota counts by name, and a stopped client's allocations stay a while.
    """
    user = f"{int(time.time()) + lifetime}:probe-{os.urandom(4).hex()}"
    digest = hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()
    return user, base64.b64encode(digest).decode()


def message(kind: int, attributes: list[tuple[int, bytes]], key: bytes | None = None) -> bytes:
    body = b"".join(struct.pack("!HH", a, len(v)) + v + b"\0" * (-len(v) % 4) for a, v in attributes)
    transaction = os.urandom(12)

    def header(length: int) -> bytes:
        return struct.pack("!HHI", kind, length, COOKIE) + transaction

    if key is None:
        return header(len(body)) + body
    # the length already counts the integrity attribute when it is signed (RFC 8489, 14.5)
    signed = header(len(body) + 24) + body
    return signed + struct.pack("!HH", INTEGRITY, 20) + hmac.new(key, signed, hashlib.sha1).digest()


def parse(packet: bytes) -> tuple[int, Attributes]:
    """Kind and attributes. Raises ValueError on anything that is no STUN message."""
    if len(packet) < 20 or struct.unpack("!I", packet[4:8])[0] != COOKIE:
        raise ValueError("not a STUN message")
    kind, length = struct.unpack("!HH", packet[:4])
    found: Attributes = {}
    at, end = 20, min(20 + length, len(packet))
    while at + 4 <= end:
        attribute, size = struct.unpack("!HH", packet[at : at + 4])
        found.setdefault(attribute, packet[at + 4 : at + 4 + size])
        at += 4 + size + (-size % 4)
    return kind, found


def address_of(value: bytes) -> str:
    """`192.0.2.1:4242` out of a XOR-MAPPED-ADDRESS; of an IPv6 one, the port alone."""
    port = struct.unpack("!H", value[2:4])[0] ^ (COOKIE >> 16)
    if value[1] == IPV6:
        return f"[IPv6]:{port}"
    number = struct.unpack("!I", value[4:8])[0] ^ COOKIE
    return f"{socket.inet_ntoa(struct.pack('!I', number))}:{port}"


def _xored(address: str) -> bytes:
    """An IPv4 address as a XOR-PEER-ADDRESS; a permission has no port."""
    number: int = struct.unpack("!I", socket.inet_aton(address))[0] ^ COOKIE
    return struct.pack("!BBHI", 0, 1, COOKIE >> 16, number)


def _refusal(attributes: Attributes) -> str:
    """`403 Forbidden IP`."""
    code = attributes.get(ERROR, b"\0\0\0\0")
    return f"{code[2] * 100 + code[3]} {code[4:].decode('utf-8', 'replace')}".strip()


def binding(address: str, port: int) -> Answer:
    """The server answers over UDP and names our address."""
    with datagrams(address) as udp:
        udp.connect((address, port))
        try:
            _kind, attributes = parse(_over_udp(udp)(message(BINDING, [])))
            return Answer("", mapped=address_of(attributes[MAPPED]))
        except TimeoutError:
            return Answer("no answer")
        except (ValueError, KeyError, struct.error):
            return Answer("the answer is not STUN")
        except OSError as error:
            return Answer(error.strerror or str(error))


def allocate_udp(address: str, port: int, secret: str, peers: Sequence[str] = ()) -> Answer:
    with datagrams(address) as udp:
        udp.connect((address, port))
        return _allocate(_over_udp(udp), secret, peers)


def allocate_tls(address: str, port: int, name: str, ca: Path | None, secret: str) -> Answer:
    try:
        with (
            socket.create_connection((address, port), 5) as plain,
            trust(ca).wrap_socket(plain, server_hostname=name) as tls,
        ):

            def exchange(packet: bytes) -> bytes:
                tls.sendall(packet)
                head = _exactly(tls, 20)
                return head + _exactly(tls, struct.unpack("!H", head[2:4])[0])

            return _allocate(exchange, secret)
    except TimeoutError:
        return Answer("no answer")
    except OSError as error:
        return Answer(error.strerror or str(error))


def _allocate(exchange: Exchange, secret: str, peers: Sequence[str] = ()) -> Answer:
    """Asks, is challenged, asks again with the credential; asks for each peer; gives the relay back."""
    wanted = (TRANSPORT, struct.pack("!I", 17 << 24))
    try:
        _kind, challenge = parse(exchange(message(ALLOCATE, [wanted])))
        if challenge.get(ERROR, b"")[2:4] != b"\x04\x01":
            return Answer("the relay lends to anybody" if RELAYED in challenge else "no challenge")
        user, password = credentials(secret)
        realm, nonce = challenge[REALM], challenge[NONCE]
        key = hashlib.md5(user.encode() + b":" + realm + b":" + password.encode(), usedforsecurity=False).digest()
        proof = [(USERNAME, user.encode()), (REALM, realm), (NONCE, nonce)]
        _kind, lent = parse(exchange(message(ALLOCATE, [wanted, *proof], key)))
        if RELAYED not in lent:
            return Answer(f"allocation refused: {_refusal(lent)}")
        asked = {}
        for peer in peers:
            _kind, said = parse(exchange(message(PERMISSION, [(PEER, _xored(peer)), *proof], key)))
            asked[peer] = _refusal(said) if ERROR in said else "granted"
        exchange(message(REFRESH, [(LIFETIME, struct.pack("!I", 0)), *proof], key))
        return Answer("", address_of(lent.get(MAPPED, lent[RELAYED])), address_of(lent[RELAYED]), asked)
    except TimeoutError:
        return Answer("no answer")
    except (ValueError, KeyError, IndexError, struct.error):
        return Answer("the answer is not TURN")
    except OSError as error:
        return Answer(error.strerror or str(error))


def _over_udp(udp: socket.socket) -> Exchange:
    def exchange(packet: bytes) -> bytes:
        refused: OSError | None = None
        for _try in range(TRIES):
            try:
                udp.settimeout(WAIT)
                udp.send(packet)
                while (answer := udp.recv(2048))[8:20] != packet[8:20]:
                    pass  # an answer to something else
                return answer
            except TimeoutError:
                continue
            except ConnectionRefusedError as error:
                refused = error
                time.sleep(0.2)  # the port may be about to open; the next try says
        raise refused or TimeoutError

    return exchange


def _exactly(stream: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        if not (more := stream.recv(size - len(got))):
            raise ConnectionResetError("closed by the server")
        got += more
    return got
