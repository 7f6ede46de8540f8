"""An allocation on a relay that a client keeps alive, step by step: the product's own probe gives its back at once."""

from __future__ import annotations

import hashlib
import socket
import struct
from types import TracebackType

from socle.probe import stun

LONG = struct.pack("!I", 600)  # seconds


class Allocation:
    """Raises AssertionError where the relay lends nothing."""

    def __init__(self, address: str, port: int, secret: str) -> None:
        self.address = address
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.connect((address, port))
        self._exchange = stun._over_udp(self._udp)
        wanted = (stun.TRANSPORT, struct.pack("!I", 17 << 24))
        _kind, challenge = stun.parse(self._exchange(stun.message(stun.ALLOCATE, [wanted])))
        user, password = (part.encode() for part in stun.credentials(secret))
        realm, nonce = challenge[stun.REALM], challenge[stun.NONCE]
        self._key = hashlib.md5(b":".join((user, realm, password)), usedforsecurity=False).digest()
        self._proof = [(stun.USERNAME, user), (stun.REALM, realm), (stun.NONCE, nonce)]
        lent = self._asked(stun.ALLOCATE, wanted)
        assert stun.RELAYED in lent, stun._refusal(lent)

    def _asked(self, kind: int, attribute: tuple[int, bytes]) -> stun.Attributes:
        _kind, said = stun.parse(self._exchange(stun.message(kind, [attribute, *self._proof], self._key)))
        return said

    def refresh(self, lifetime: bytes = LONG) -> str:
        """Why it is no longer kept, or nothing. A nonce that is old is renewed, as a client does."""
        said = self._asked(stun.REFRESH, (stun.LIFETIME, lifetime))
        if stun.ERROR in said and stun._refusal(said).startswith("438"):
            self._proof[2] = (stun.NONCE, said[stun.NONCE])
            said = self._asked(stun.REFRESH, (stun.LIFETIME, lifetime))
        return stun._refusal(said) if stun.ERROR in said else ""

    def __enter__(self) -> Allocation:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self.refresh(struct.pack("!I", 0))
        self._udp.close()
