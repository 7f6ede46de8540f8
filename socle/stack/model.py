"""The stack file's models. Every key that a ministry may write is here, with its limits; nothing is derived here."""

from __future__ import annotations

from collections import Counter
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from socle.messages import _

T = TypeVar("T")


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
Day = Annotated[date, BeforeValidator(as_written)]
Block = Annotated[IPv4Network, BeforeValidator(as_written)]


class Environment(StrEnum):
    PRODUCTION = "production"
    PREPRODUCTION = "preproduction"
    LAB = "lab"


class Availability(StrEnum):
    SINGLE = "single"
    TWO_ZONES = "two-zones"
    THREE_ZONES = "three-zones"


class Sensitivity(StrEnum):
    PUBLIC = "public"
    INTERNAL = "internal"
    SENSITIVE = "sensitive"
    RESTRICTED = "restricted"


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


class Identity(Section):
    provider: IdentityProvider
    issuer: Annotated[SecureAddress | None, Field(description="Issuer URL, for the provider `oidc`")] = None


class Access(Section):
    """Where administrators come from."""

    sources: Annotated[
        list[Block],
        Field(alias="from", min_length=1, max_length=64, description="CIDR blocks allowed to reach the bastion"),
        AfterValidator(each_once),
    ]


class NetworkPlan(Section):
    cidr: Annotated[Block, Field(description="Private block of the stack, /16 to /20; one /24 per tier")]


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
    identity: Identity
    access: Access
    network: NetworkPlan
