"""Public names, where the cloud has a name service (Designate)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import ComponentResource, Input, InvokeOptions, Output, ResourceOptions
from pulumi_openstack import dns

from infra.components.labels import Labels
from infra.components.options import inside
from socle.topology.model import TTL


class Names(ComponentResource):
    """An address record per public name and family, in a zone of the stack's own or in the one that the cloud team has.

    `records`: kind (A, AAAA) -> name -> addresses.
    `authority`: the one that may sign certificates for the domain and what is below it, by its name in CAA records
    (RFC 8659); none may sign for all names at once.
    """

    def __init__(
        self,
        domain: str,
        zone: str | None,
        records: Mapping[str, Mapping[str, Sequence[Input[str]]]],
        authority: str | None,
        labels: Labels,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("socle:network:Names", f"{labels.stack}-names", None, opts)
        zone_id = self._existing(zone) if zone else self._zone(domain, labels)
        for kind, suffix in (("A", ""), ("AAAA", "-ipv6")):
            for fqdn, addresses in records[kind].items():
                dns.RecordSet(
                    f"{labels.stack}-record-{fqdn}{suffix}",
                    zone_id=zone_id,
                    name=f"{fqdn}.",
                    description=labels.description("public name"),
                    type=kind,
                    ttl=TTL,
                    records=list(addresses),
                    opts=inside(self),
                )
        if authority:
            dns.RecordSet(
                f"{labels.stack}-authority",
                zone_id=zone_id,
                name=f"{domain}.",
                description=labels.description("who may sign certificates"),
                type="CAA",
                ttl=TTL,
                records=[f'0 issue "{authority}"', '0 issuewild ";"'],
                opts=inside(self),
            )
        self.register_outputs({})

    def _existing(self, zone: str) -> Output[str]:
        found: Output[str] = dns.get_dns_zone_output(name=f"{zone}.", opts=InvokeOptions(parent=self)).id
        return found

    def _zone(self, domain: str, labels: Labels) -> Output[str]:
        """Protected: who loses a zone loses every name in it."""
        made = dns.Zone(
            f"{labels.stack}-zone",
            name=f"{domain}.",
            description=labels.description("names of the service"),
            email=f"hostmaster@{domain}",
            ttl=TTL,
            type="PRIMARY",
            opts=inside(self, protect=True),
        )
        identity: Output[str] = made.id
        return identity
