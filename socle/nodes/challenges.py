"""Where an ACME authority looks for a proof (DNS-01, RFC 8555 8.4): TXT records, made where the stack's names are kept.

The zone's CAA records (RFC 8659) are read there too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from socle.errors import CloudError
from socle.messages import _
from socle.nodes import names
from socle.stack.load import LoadedStack
from socle.topology.model import TTL

if TYPE_CHECKING:
    from openstack.connection import Connection

SERVED_WITHIN = 120.0  # seconds until all name servers of a zone answer with a change
EVERY = 1.0


class Challenges(Protocol):
    def put(self, name: str, text: str) -> None:
        """Returns once the record is served. One that is there already is replaced. Raises CloudError."""

    def withdraw(self, name: str) -> None: ...

    def authorities(self, name: str) -> list[str]:
        """Who may sign for the name: of the nearest CAA records at or above it; [] where there are none, [""] where
        they allow nobody."""


def challenges(loaded: LoadedStack, domain: str, cloud: Connection) -> Challenges | None:
    """None where no authority asks for proofs. `load` refuses the third way, a zone file that is handed over."""
    if loaded.stack.certificates.issuer != "acme":
        return None
    return OfServer(loaded, domain) if loaded.cloud.dns.update == "rfc2136" else OfDesignate(loaded, domain, cloud)


class OfServer:
    """RFC 2136."""

    def __init__(self, loaded: LoadedStack, domain: str) -> None:
        self.loaded, self.domain = loaded, domain

    def put(self, name: str, text: str) -> None:
        names.put(self.loaded, self.domain, "TXT", {name: [f'"{text}"']})
        others = names.servers(self.loaded, self.domain)
        _until(lambda: all(self._serves(name, text, at) for at in ("", *others)), name)

    def _serves(self, name: str, text: str, at: str) -> bool:
        """One that this machine does not reach is the authority's to judge."""
        try:
            return names.asked(self.loaded, name, "TXT", at) == [f'"{text}"']
        except CloudError:
            return bool(at)

    def withdraw(self, name: str) -> None:
        names.put(self.loaded, self.domain, "TXT", {name: []})

    def authorities(self, name: str) -> list[str]:
        for above in _and_above(name):
            if records := names.asked(self.loaded, above, "CAA"):
                return issuers(records)
        return []


class OfDesignate:
    def __init__(self, loaded: LoadedStack, domain: str, cloud: Connection) -> None:
        self.dns: Any = cloud.dns
        self.zone_name = f"{loaded.stack.existing.zone or domain}."

    @property
    def _zone(self) -> Any:
        from socle.engine.access import cloud_errors

        with cloud_errors():
            zone = self.dns.find_zone(self.zone_name)
        if zone is None:
            raise CloudError("SOC-5302", "the name server holds no zone of: {domain}", domain=self.zone_name)
        return zone

    def _records(self, zone: Any, kind: str) -> dict[str, Any]:
        """Name, without its last dot -> the set of records."""
        from socle.engine.access import cloud_errors

        with cloud_errors():
            return {one.name.rstrip("."): one for one in self.dns.recordsets(zone, type=kind)}

    def put(self, name: str, text: str) -> None:
        from socle.engine.access import cloud_errors

        zone, records = self._zone, [f'"{text}"']
        there = self._records(zone, "TXT").get(name)
        with cloud_errors():
            if there is None:
                made = self.dns.create_recordset(zone, name=f"{name}.", type="TXT", ttl=TTL, records=records)
            else:
                made = self.dns.update_recordset(there, records=records, zone_id=zone.id)

            def served() -> bool:
                return bool(self.dns.get_recordset(made.id, zone).status == "ACTIVE")

            _until(served, name)

    def withdraw(self, name: str) -> None:
        from socle.engine.access import cloud_errors

        zone = self._zone
        if there := self._records(zone, "TXT").get(name):
            with cloud_errors():
                self.dns.delete_recordset(there.id, zone)

    def authorities(self, name: str) -> list[str]:
        there = self._records(self._zone, "CAA")
        return next((issuers(there[above].records) for above in _and_above(name) if above in there), [])


def issuers(records: Iterable[str]) -> list[str]:
    """Of CAA records as a zone file has them; `[""]` where they say that nobody may."""
    import dns.rdata

    found: list[Any] = [dns.rdata.from_text("IN", "CAA", record) for record in records]
    return [one.value.decode().partition(";")[0].strip() for one in found if one.tag.lower() == b"issue"]


def _and_above(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


def _until(served: Any, name: str) -> None:
    deadline = time.monotonic() + SERVED_WITHIN
    while not served():
        if time.monotonic() > deadline:
            raise CloudError(
                "SOC-4410",
                "the name server took a record and does not serve it: {name}",
                hint=_("is one of the zone's name servers down? then: socle up"),
                name=name,
            )
        time.sleep(EVERY)
