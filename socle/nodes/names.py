"""Publishes the stack's public names where the cloud does not: RFC 2136 with TSIG, or a zone file to hand over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from socle import paths
from socle.errors import CloudError, NodeError
from socle.files import write_file
from socle.messages import _
from socle.nodes.outputs import Outputs, public_addresses
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.matrix import port
from socle.topology.model import TTL

KEY = re.compile(r'key\s+"?([^"\s{]+)"?\s*\{\s*algorithm\s+"?([\w.-]+)"?\s*;\s*secret\s+"([^"]+)"\s*;\s*\}\s*;?')


Records = dict[str, list[str]]  # name -> addresses, sorted


def records(topology: Topology, outputs: Outputs) -> Records:
    """Of the public addresses of each name's tier."""
    return {record.fqdn: public_addresses(topology, record.tier, outputs) for record in topology.records}


def publish(loaded: LoadedStack, topology: Topology, outputs: Outputs) -> bool:
    """Makes the names resolve. Returns whether anything was changed; False too when a zone file is handed over."""
    wanted = {"A": records(topology, outputs), "AAAA": topology.records6}
    if loaded.cloud.dns.update == "rfc2136":
        return _update(loaded, topology, wanted)
    if loaded.cloud.dns.update == "designate":
        return False  # the cloud program did
    write_file(paths.stack_dir(loaded.name) / f"{topology.domain}.zone", zone_file(wanted).encode("ascii"))
    return False


def withdraw(loaded: LoadedStack, topology: Topology) -> bool:
    """Removes the names, when the stack is taken down."""
    if loaded.cloud.dns.update != "rfc2136":
        return False
    return _update(loaded, topology, {"A": {}, "AAAA": {}})


def zone_file(wanted: Mapping[str, Records]) -> str:
    return "".join(
        f"{name}. {TTL} IN {kind} {address}\n"
        for kind, records in wanted.items()
        for name, addresses in records.items()
        for address in addresses
    )


def _update(loaded: LoadedStack, topology: Topology, wanted: Mapping[str, Records]) -> bool:
    """A name of the stack's that is wanted no address of a kind has none of it any more."""
    changed = False
    for kind, addresses in wanted.items():
        full = {record.fqdn: addresses.get(record.fqdn, []) for record in topology.records}
        if any(sorted(asked(loaded, one, kind)) != values for one, values in full.items()):
            put(loaded, topology.domain, kind, full)
            changed = True
    return changed


def put(loaded: LoadedStack, domain: str, kind: str, wanted: Mapping[str, Sequence[str]]) -> None:
    """Name -> the values of its records of a kind, in place of those it has; none: it has none any more.

    RFC 2136, in the zone of the domain. Raises CloudError.
    """
    import dns.name
    import dns.query
    import dns.rcode
    import dns.tsigkeyring
    import dns.update

    server = str(loaded.cloud.dns.server)
    name, algorithm, secret = _tsig(loaded)
    keyring = dns.tsigkeyring.from_text({name: secret})
    with _reached(server):
        zone = _zone(domain, server, port("names"))
        change = dns.update.UpdateMessage(zone, keyring=keyring, keyalgorithm=algorithm)
        for one, values in wanted.items():
            absolute = dns.name.from_text(one)
            change.delete(absolute, kind)
            for value in values:
                change.add(absolute, TTL, kind, value)
        answer = dns.query.tcp(change, server, timeout=10, port=port("names"))
    if answer.rcode() != dns.rcode.NOERROR:
        raise CloudError(
            "SOC-5302",
            "the name server refuses to publish {domain}: {answer}",
            hint=_("does it hold the zone, and does it allow this key to change it?"),
            domain=domain,
            answer=dns.rcode.to_text(answer.rcode()),
        )


@contextmanager
def _reached(server: str) -> Iterator[None]:
    import dns.exception

    try:
        yield
    except (dns.exception.DNSException, OSError) as error:
        raise CloudError(
            "SOC-5301", "the name server cannot be updated: {server}", hint=str(error)[:200], server=server
        ) from None


def _zone(domain: str, server: str, at: int) -> str:
    """The nearest zone above the domain that the server says it is the authority of."""
    import dns.flags
    import dns.message
    import dns.query
    import dns.rdatatype

    labels = domain.split(".")
    for start in range(len(labels)):
        candidate = ".".join(labels[start:])
        question = dns.message.make_query(candidate, dns.rdatatype.SOA)
        answer = dns.query.udp(question, server, timeout=5, port=at)
        if answer.flags & dns.flags.AA and answer.answer:
            return candidate
    raise CloudError("SOC-5302", "the name server holds no zone of: {domain}", domain=domain)


def servers(loaded: LoadedStack, domain: str) -> set[str]:
    """Addresses of all that the domain's zone names, as far as they resolve: where others ask. Raises CloudError."""
    import dns.exception
    import dns.resolver

    found, server = set[str](), str(loaded.cloud.dns.server)
    with _reached(server):
        zone = _zone(domain, server, port("names"))
    for name in asked(loaded, zone, "NS"):
        known = asked(loaded, name, "A")
        with suppress(dns.exception.DNSException):
            known = known or [item.to_text() for item in dns.resolver.resolve(name, "A", lifetime=5)]
        found |= set(known)
    return found


def asked(loaded: LoadedStack, name: str, kind: str, at: str = "") -> list[str]:
    """What the name server answers, or another one, each as a zone file has it. Raises CloudError."""
    import dns.message
    import dns.query
    import dns.rdatatype

    server, wanted = at or str(loaded.cloud.dns.server), dns.rdatatype.from_text(kind)
    with _reached(server):
        query = dns.message.make_query(name, wanted)
        answer, _by_tcp = dns.query.udp_with_fallback(query, server, timeout=5, port=port("names"))
    return [item.to_text() for rrset in answer.answer if rrset.rdtype == wanted for item in rrset]


def _tsig(loaded: LoadedStack) -> tuple[str, str, str]:
    """Name, algorithm and secret of the key file, in nsupdate's syntax."""
    file = Path(loaded.cloud.dns.key_file or "")
    try:
        found = KEY.search(file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        raise NodeError("SOC-5303", "the key for name updates cannot be read: {file}", file=file) from None
    if found is None:
        raise NodeError("SOC-5303", "not a TSIG key in nsupdate's syntax: {file}", file=file)
    return found[1], found[2], found[3]
