"""The stack file's models. Every key that a ministry may write is here, with its limits; nothing is derived here."""

from __future__ import annotations

from collections import Counter
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from socle.messages import _

T = TypeVar("T")

COUNTRY = r"^[A-Z]{2}$"
TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
Kind = Literal["media", "recordings", "transcripts", "chat", "accounts", "logs", "metadata"]  # of data


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, populate_by_name=True, allow_inf_nan=False)


def _secure_address(text: str) -> str:
    """Raises ValueError for what nobody could connect to."""
    parts = urlsplit(text)
    if not parts.hostname or parts.port == 0:
        raise ValueError(_("an address with a host: https://host[:port]/path"))
    return text


def as_written(value: object) -> object:
    """Raises ValueError: addresses and days are text; a number would be taken as one, 5 as 0.0.0.5 or 1970-01-01."""
    if isinstance(value, int | float | list | dict | None):
        raise ValueError(_("write it as text, the usual way"))
    return value


def each_once(values: list[T]) -> list[T]:
    """Raises ValueError for a value that is written twice: one zone is no second one, one block needs one rule."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(_("written twice: {value}").format(value=twice[0]))
    return values


# One line of text, as it goes into names, labels and configuration files.
Line = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=200)]
Word = Annotated[str, Field(pattern=r"^[^\s'\"]+$", max_length=200)]
Host = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", max_length=200)]
SecureAddress = Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.:\[\]-]+(/\S*)?$"), AfterValidator(_secure_address)]
Address = Annotated[IPv4Address, BeforeValidator(as_written)]
Day = Annotated[date, BeforeValidator(as_written)]
Block = Annotated[IPv4Network, BeforeValidator(as_written)]
Block6 = Annotated[IPv6Network, BeforeValidator(as_written)]


class Environment(StrEnum):
    PRODUCTION = "production"
    PREPRODUCTION = "preproduction"
    LAB = "lab"


class Availability(StrEnum):
    SINGLE = "single"
    TWO_ZONES = "two-zones"
    THREE_ZONES = "three-zones"

    @property
    def zones(self) -> int:
        """How many zones of the cloud the stack stands in."""
        return list(Availability).index(self) + 1


class Sensitivity(StrEnum):
    """From the least to the most."""

    PUBLIC = "public"
    INTERNAL = "internal"
    SENSITIVE = "sensitive"
    RESTRICTED = "restricted"


SENSITIVE = (Sensitivity.SENSITIVE, Sensitivity.RESTRICTED)  # classes whose storage and place have rules


class IdentityProvider(StrEnum):
    PROCONNECT = "proconnect"
    OIDC = "oidc"
    NONE = "none"


class People(Section):
    """How many people, and how many of them at once."""

    seats: Annotated[int, Field(ge=1, le=6_000_000, description="People who may use the service")]
    peak_in_call: Annotated[
        float, Field(gt=0, le=1, description="Share of the seats in a call at the busiest moment (0 to 1)")
    ]
    largest_room: Annotated[int, Field(ge=2, le=1000, description="Participants in the largest room")] = 150
    average_room: Annotated[
        float | None,
        Field(ge=2, le=1000, description="Participants in an average room; the sizing model's own if absent"),
    ] = None
    growth: Annotated[float, Field(ge=0, le=1, description="The seats grow by this share each year")] = 0.0
    years: Annotated[int, Field(ge=0, le=10, description="For how many years of growth the stack is sized")] = 3
    relayed: Annotated[
        float | None,
        Field(ge=0, le=1, description="Share of participants who need TURN; the sizing model's own if absent"),
    ] = None


class Features(Section):
    recording: bool = False
    transcription: bool = False
    subtitles: bool = False
    telephony: bool = False


class Data(Section):
    """The class of each kind of data, which decides what its storage must offer."""

    media: Sensitivity = Sensitivity.SENSITIVE
    recordings: Sensitivity = Sensitivity.SENSITIVE
    transcripts: Sensitivity = Sensitivity.SENSITIVE
    chat: Sensitivity | None = None
    accounts: Sensitivity | None = None
    logs: Sensitivity | None = None
    metadata: Sensitivity | None = None

    @property
    def classes(self) -> dict[str, Sensitivity]:
        """The classes that are given, by kind of data."""
        return {kind: value for kind in type(self).model_fields if (value := getattr(self, kind)) is not None}

    @property
    def worst(self) -> Sensitivity:
        """The most sensitive of the classes that are given."""
        return max(self.classes.values(), key=list(Sensitivity).index)

    @property
    def sensitive(self) -> bool:
        return self.worst in SENSITIVE


class Retention(Section):
    """How long each kind of data is kept, in days."""

    recordings: Annotated[int, Field(ge=1, le=3650)] = 365
    transcripts: Annotated[int, Field(ge=1, le=3650)] = 365
    logs: Annotated[int, Field(ge=1, le=3650)] = 180


class Endpoints(Section):
    """Of an OpenID Connect provider, as its discovery document names them."""

    authorization: SecureAddress
    token: SecureAddress
    userinfo: SecureAddress
    jwks: SecureAddress
    logout: SecureAddress | None = None


class Identity(Section):
    provider: IdentityProvider
    issuer: Annotated[
        SecureAddress | None,
        Field(description="Issuer URL, for the provider `oidc`; for ProConnect, another than the one on the Internet"),
    ] = None
    client: Annotated[Word, Field(description="Identifier that the provider gave Visio when it was registered")] = (
        "meet"
    )
    secret_file: Annotated[
        Line | None, Field(description="File with the client's secret; default: handed-over/ in the stack's folder")
    ] = None
    endpoints: Annotated[
        Endpoints | None,
        Field(description="Needed where they do not follow from the issuer (Keycloak, ProConnect)"),
    ] = None
    pkce: Annotated[
        bool | None,
        Field(description="Proof key of each login; default: yes, but not with ProConnect"),
    ] = None


class ExternalAccount(Section):
    """What an ACME authority gave its customer, to know whose account asks (external account binding)."""

    key_id: Line
    secret_file: Annotated[
        Line | None, Field(description="File with the HMAC key; default: handed-over/acme_hmac in the stack's folder")
    ] = None


class Certificates(Section):
    """Who signs the stack's public certificates."""

    issuer: Annotated[
        Literal["cloud", "acme", "handed-over"],
        Field(description="The authority that the cloud file names, an ACME directory, or requests handed to someone"),
    ] = "cloud"
    directory: Annotated[str | None, Field(pattern=r"^https://", description="URL of the ACME directory")] = None
    country: Annotated[str | None, Field(pattern=COUNTRY, description="Where the ACME authority is established")] = None
    external_account: Annotated[
        ExternalAccount | None, Field(description="Where the ACME authority serves its customers alone")
    ] = None
    caa: Annotated[
        Host | None,
        Field(description="Name of the one authority that may sign, in CAA records (ACME: meta.caaIdentities)"),
    ] = None


class ThirdParty(Section):
    """Somebody outside the ministry and its cloud who receives data or metadata."""

    name: Annotated[str, Field(min_length=2)]
    hosts: Annotated[list[str], Field(min_length=1, description="Names or addresses that nodes are given")]
    purpose: Annotated[str, Field(min_length=10)]
    country: Annotated[str, Field(pattern=COUNTRY, description="ISO 3166-1 alpha-2")]
    data: Annotated[list[Kind], Field(min_length=1, description="What it receives")]
    contract: Annotated[str, Field(min_length=3, description="Reference of the contract or the agreement")]


class Backup(Section):
    every_hours: Annotated[int, Field(ge=1, le=168)] = 24
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    copy_to: Annotated[
        Literal["same-zone", "other-zone", "other-region"], Field(description="Where the second copy is")
    ] = "other-zone"
    restore_tested_every_days: Annotated[int, Field(ge=1, le=366)] = 90


class Window(Section):
    """When nodes may restart: days, and a time of day that may pass midnight."""

    days: Annotated[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1)]
    start: Annotated[str, Field(pattern=TIME)]
    end: Annotated[str, Field(pattern=TIME)]


class Maintenance(Section):
    timezone: str = "Europe/Paris"
    windows: Annotated[list[Window], Field(min_length=1)] = [
        Window(days=["tue", "wed", "thu"], start="02:00", end="05:00")
    ]


class Monitoring(Section):
    """Who is told, and where the logs also go."""

    alerts_to: Annotated[list[str], Field(description="Mail addresses")] = []
    logs_to: Annotated[
        Host | None, Field(description="Name of the ministry's own log collector, as the cloud file has it")
    ] = None


class Override(Section):
    """Another size of one tier than the sizing model's, and why."""

    nodes: Annotated[int | None, Field(ge=0, le=240, description="0 leaves the tier out")] = None
    flavour: Annotated[str | None, Field(description="A flavour of the cloud file")] = None
    volume: Annotated[int | None, Field(ge=1, le=16_384, description="GiB for each node")] = None
    reason: Annotated[str, Field(min_length=20, description="Why; printed in the dossier")]


class Telephony(Section):
    """The phone operator, where people may call in."""

    trunk: Annotated[
        list[Block],
        Field(min_length=1, max_length=16, description="CIDR blocks that its calls and their sound come from"),
        AfterValidator(each_once),
    ]
    number: Annotated[
        str | None, Field(pattern=r"^\+[1-9][0-9]{5,14}$", description="What callers dial, as in +33170189900 (E.164)")
    ] = None


class ExistingNetwork(Section):
    """A network that the cloud team made and joined to its own router."""

    network: Line
    subnet: Line
    cidr: Annotated[Block, Field(description="Of the subnet; nodes are given addresses from the tenth on")]


class Existing(Section):
    """What the ministry's cloud team owns: used, never made, changed or removed."""

    networks: Annotated[dict[str, ExistingNetwork], Field(description="By tier")] = {}
    addresses: Annotated[dict[str, list[Address]], Field(description="By tier: public addresses, one per node")] = {}
    zone: Annotated[Host | None, Field(description="The zone that the stack's names are written into")] = None


class Access(Section):
    """Where administrators come from."""

    sources: Annotated[
        list[Block],
        Field(alias="from", min_length=1, max_length=64, description="CIDR blocks allowed to reach the bastion"),
        AfterValidator(each_once),
    ]


class NetworkPlan(Section):
    cidr: Annotated[Block, Field(description="Private block of the stack, /16 to /19; one /24 per tier")]
    ipv6: Annotated[
        Block6 | None,
        Field(description="Public block that the cloud routes to the stack, /48 to /64: its relays answer there too"),
    ] = None


class Stack(Section):
    """One deployment of Visio for one organisation."""

    organisation: Annotated[Line, Field(min_length=2, max_length=120)]
    domain: Annotated[Host, Field(description="Public name of the service")]
    environment: Environment
    cloud: Annotated[str, Field(description="A file of stacks/clouds/, without its extension")]
    release: Annotated[str, Field(description="A file of stacks/releases/, without its extension; quote it")]
    people: People
    availability: Availability = Availability.SINGLE
    features: Features = Features()
    data: Data = Data()
    retention: Retention = Retention()
    identity: Identity
    certificates: Certificates = Certificates()
    access: Access
    third_parties: list[ThirdParty] = []
    backup: Backup = Backup()
    maintenance: Maintenance = Maintenance()
    monitoring: Monitoring = Monitoring()
    network: NetworkPlan
    telephony: Telephony | None = None
    existing: Existing = Existing()
    overrides: Annotated[dict[str, Override], Field(description="By tier")] = {}
    assumptions: Annotated[
        dict[str, str], Field(description="Key of this file (people.peak_in_call) -> why this value, and whose it is")
    ] = {}
