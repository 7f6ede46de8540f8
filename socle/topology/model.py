"""The derived types. All addresses are plain strings, so that every value prints as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from socle.topology.flows import Flows
from socle.topology.objects import Store
from socle.topology.tiers import Level

Promotion = Literal["automatic", "by-hand"]
TTL = 60  # seconds, of the public names: an address that changes is followed within a minute


def mark(stack: str) -> str:
    """The word in a resource's description by which it is known as the stack's."""
    return f"socle:{stack}"


@dataclass(frozen=True)
class Volume:
    """A block volume of one node; `size` in GiB. `kind`: of the cloud's volume types. `encryption`: by the cloud, by
    the node itself, or none."""

    name: str
    size: int
    mount: str
    kind: str
    encryption: Literal["cloud", "node", "none"]


@dataclass(frozen=True)
class Node:
    """`address`: its fixed address on its tier's network, `address6` the public IPv6 one. `public`: the public address
    that the cloud team gave it."""

    name: str
    tier: str
    zone: str
    number: int
    address: str
    volume: Volume | None = None
    public: str = ""
    address6: str = ""


@dataclass(frozen=True)
class Network:
    """One private network per tier, with one subnet; and one of public IPv6 addresses, where users have that way too.
    `inner`: no way to or from the Internet. `existing`: the subnet's name, where the network is the cloud team's; it is
    not made, and joined to no router of the stack."""

    name: str
    tier: str
    cidr: str
    gateway: str
    inner: bool = False
    existing: str = ""
    cidr6: str = ""
    gateway6: str = ""


@dataclass(frozen=True)
class Transit:
    """The network between the router that leads outside, which is its gateway, and the one that does not: `inner`."""

    network: Network
    inner: str


@dataclass(frozen=True)
class Front:
    """One address before all nodes of a tier: a load balancer of the cloud's, or an address that the nodes pass on
    among themselves (VRRP). `address`: on the tier's network; `public`: the one that the cloud team gave."""

    name: str
    tier: str
    way: Literal["load-balancer", "virtual-address"]
    address: str
    public: str = ""


@dataclass(frozen=True)
class Container:
    """Objects of one kind in the cloud's store: for how many days, and whether old versions are kept."""

    name: str
    holds: str
    days: int
    versions: bool


@dataclass(frozen=True)
class Tier:
    """The identical nodes that do one job. `memory`: of one node, in MiB. `because`: what bound their number, or the
    written reason for another. `public`: users reach it; `fronted`: by one address in front of all nodes. `promotion`:
    of a tier that votes, who says what leads when a zone is lost: the majority that is left, or somebody by hand."""

    name: str
    title: str
    nodes: tuple[Node, ...]
    network: Network
    flavour: str
    memory: int
    image: str
    public: bool
    level: Level
    carries_calls: bool
    because: str
    fronted: bool = False
    promotion: Promotion | None = None


@dataclass(frozen=True)
class Record:
    """A public name, and the tier whose public addresses it has."""

    fqdn: str
    tier: str


@dataclass(frozen=True)
class Secret:
    """A secret's existence; its value lives only in the stack's vault. `tiers`: who is handed it. `client`: its
    certificate is shown to servers too. `handed-over`: not made here, somebody outside gives it. `rotating`: it may be
    changed while it is used; the first of its tiers accepts it, the others hand out what is made of it. `public`: of a
    certificate that people's browsers see, which the stack's own issuer signs; the cloud's authority signs the others.
    """

    name: str
    kind: Literal["token", "rotating", "ssh-key", "account-key", "certificate", "handed-over"]
    tiers: tuple[str, ...]
    names: tuple[str, ...] = ()  # of a certificate: what it is valid for
    client: bool = False
    public: bool = False


@dataclass(frozen=True)
class Topology:
    stack: str
    domain: str
    cidr: str
    tiers: tuple[Tier, ...]
    flows: Flows
    records: tuple[Record, ...]
    secrets: tuple[Secret, ...]
    places: dict[str, tuple[str, ...]]  # a Place -> its CIDR blocks
    transit: Transit
    fronts: tuple[Front, ...]
    containers: tuple[Container, ...]
    store: Store | None
    left_out: dict[str, str]  # tier -> the written reason why it has no node

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for tier in self.tiers for node in tier.nodes)

    @property
    def networks(self) -> tuple[Network, ...]:
        return tuple(tier.network for tier in self.tiers)

    @property
    def records6(self) -> dict[str, list[str]]:
        """Public names that have IPv6 addresses too -> these, sorted."""
        found = {
            record.fqdn: sorted(node.address6 for node in self.tier(record.tier).nodes if node.address6)
            for record in self.records
        }
        return {name: addresses for name, addresses in found.items() if addresses}

    @property
    def promoted_by_hand(self) -> tuple[str, ...]:
        """Tiers that vote, and that the loss of one zone (or node, in a single zone) may leave without a majority.

        A node alone has nobody to promote.
        """
        return tuple(tier.name for tier in self.tiers if tier.promotion == "by-hand" and len(tier.nodes) > 1)

    def tier(self, name: str) -> Tier:
        return next(tier for tier in self.tiers if tier.name == name)

    def public_each(self, tier: str) -> bool:
        """Whether users reach each node of the tier by an address of its own."""
        one = self.tier(tier)
        return one.public and not one.fronted

    def has(self, tier: str) -> bool:
        return any(one.name == tier for one in self.tiers)

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def record(self, name: str) -> Record:
        """The public name of a service: `visio`, `signalling` or `turn`."""
        prefix = {"visio": "", "signalling": "livekit.", "turn": "turn."}[name]
        return next(record for record in self.records if record.fqdn == prefix + self.domain)
