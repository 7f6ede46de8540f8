"""The stack file's models. Every key that a ministry may write is here, with its limits; nothing is derived here."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, populate_by_name=True)


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
    issuer: Annotated[str | None, Field(description="Issuer URL, for the provider `oidc`")] = None


class Access(Section):
    """Where administrators come from."""

    sources: Annotated[
        list[IPv4Network], Field(alias="from", min_length=1, description="CIDR blocks allowed to reach the bastion")
    ]


class NetworkPlan(Section):
    cidr: Annotated[IPv4Network, Field(description="Private block of the stack, /16 to /20; one /24 per tier")]


class Stack(Section):
    """One deployment of Visio for one organisation."""

    organisation: Annotated[str, Field(min_length=2, max_length=120)]
    domain: Annotated[
        str,
        Field(
            max_length=200,
            pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
            description="Public name of the service",
        ),
    ]
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
