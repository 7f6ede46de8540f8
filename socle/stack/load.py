"""From a stack's name or file to a validated stack with its cloud and release."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from socle import content
from socle.errors import InputError, Mark, StackErrors
from socle.messages import _
from socle.stack import existing
from socle.stack.cloud import Cloud
from socle.stack.explain import suggestion, validate
from socle.stack.model import Stack
from socle.stack.release import Overlay, Release, images_of
from socle.stack.yaml_marks import Document, read

NAME = re.compile(r"[a-z][a-z0-9]{0,14}")  # ends up in host names, so: short, no dash

# RFC 1918. What else no router carries (loopback, link-local, documentation) serves no network of nodes.
PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # what a stack file may call a cloud or a release


@dataclass(frozen=True)
class LoadedStack:
    """A stack file, what it refers to, and where every value was written."""

    name: str
    file: Path
    stack: Stack
    cloud: Cloud
    release: Release
    document: Document
    cloud_document: Document
    release_document: Document
    digest: str  # sha256 of the stack, cloud and release files and of the overlay


def load_stack(argument: str) -> LoadedStack:
    """`argument` is a stack's name or its file. Raises InputError or StackErrors with file, line and column."""
    file = find(argument)
    document = read(file, content.label(file))
    stack = validate(Stack, document, "a stack file")
    cloud_file = _refer("clouds", stack.cloud, "SOC-1202", document.mark(("cloud",)))
    release_file = _refer("releases", stack.release, "SOC-1203", document.mark(("release",)))
    cloud, cloud_document = _read_cloud(cloud_file)
    release_document = read(release_file, content.label(release_file))
    release = validate(Release, release_document, "a release file")
    files = [file, cloud_file, release_file]
    if overlay := _overlay(cloud, cloud_document):
        release = _overlaid(release, overlay)
        files.append(overlay)
    if problems := list(_contradictions(file.stem, stack, cloud, release, document)):
        raise StackErrors(problems)
    digest = hashlib.sha256(b"\0".join(item.read_bytes() for item in files)).hexdigest()
    return LoadedStack(file.stem, file, stack, cloud, release, document, cloud_document, release_document, digest)


def known_stacks() -> list[str]:
    """Names of the stack files that can be found, in order."""
    return sorted({file.stem for folder in content.search_path() for file in folder.glob("*.yaml")})


def find(argument: str) -> Path:
    if argument.endswith((".yaml", ".yml")) or "/" in argument:
        path = Path(argument)
        if not path.is_file():
            raise InputError("SOC-1001", "no such stack file: {file}", file=argument)
        return path
    for folder in content.search_path():
        if (path := folder / f"{argument}.yaml").is_file():
            return path
    raise InputError("SOC-1001", "no such stack: {name}", hint=suggestion(argument, known_stacks()), name=argument)


def load_cloud(name: str) -> Cloud:
    """The cloud file of that name. Raises InputError or StackErrors."""
    return _read_cloud(_refer("clouds", name, "SOC-1202"))[0]


def load_release(name: str) -> Release | None:
    """The release file of that name, or None. Raises InputError or StackErrors."""
    file = referred("releases", name)
    return validate(Release, read(file, content.label(file)), "a release file") if file else None


def known_releases() -> list[str]:
    """Names of the release files that can be found, in order."""
    return sorted({file.stem for folder in content.search_path() for file in (folder / "releases").glob("*.yaml")})


def _read_cloud(file: Path) -> tuple[Cloud, Document]:
    document = read(file, content.label(file))
    return validate(Cloud, document, "a cloud file"), document


def _refer(room: str, name: str, code: str, where: Mark | None = None) -> Path:
    if file := referred(room, name):
        return file
    names = sorted({file.stem for folder in content.search_path() for file in (folder / room).glob("*.yaml")})
    key = room.removesuffix("s")
    raise InputError(code, "unknown {key}: {found}", where=where, hint=suggestion(name, names), key=key, found=name)


def referred(room: str, name: str) -> Path | None:
    """The file of a cloud or a release (`room`: clouds, releases), or None; a name is no path."""
    if not FILE_NAME.fullmatch(name):
        return None
    files = (folder / room / f"{name}.yaml" for folder in content.search_path())
    return next((file for file in files if file.is_file()), None)


def _overlay(cloud: Cloud, document: Document) -> Path | None:
    """The overlay's file, once somebody made it."""
    if not cloud.release_overlay:
        return None
    try:
        file = Path(cloud.release_overlay)
        return file if file.exists() else None
    except OSError as error:
        where = document.mark(("release_overlay",))
        raise InputError("SOC-1001", "cannot be read: {error}", where=where, error=error.strerror) from None


def _overlaid(release: Release, overlay: Path) -> Release:
    """Digests of images that a lab built itself replace the published ones."""
    images = validate(Overlay, read(overlay, content.label(overlay)), "an overlay of a release").images
    return release.model_copy(update={"images": {**release.images, **images}})


def _contradictions(name: str, stack: Stack, cloud: Cloud, release: Release, doc: Document) -> Iterator[InputError]:
    """What each key allows alone and the file as a whole does not."""
    if not NAME.fullmatch(name):
        yield InputError(
            "SOC-1107",
            "a stack's name is its file's: {name}",
            where=doc.mark(()),
            hint=_("1 to 15 lower-case letters and digits, a letter first"),
            name=name,
        )
    people = stack.people
    if people.largest_room > people.seats:
        yield InputError(
            "SOC-1204",
            "the largest room holds more people than there are seats: {room} > {seats}",
            where=doc.mark(("people", "largest_room")),
            room=people.largest_room,
            seats=people.seats,
        )
    yield from _address_problems(stack, cloud, doc)
    yield from existing.contradictions(stack, cloud, doc)
    needed = stack.availability.zones
    if needed > len(cloud.zones):
        yield InputError(
            "SOC-1205",
            "{availability} needs {needed} zones, {cloud} offers: {offered}",
            where=doc.mark(("availability",)),
            availability=stack.availability,
            needed=needed,
            cloud=stack.cloud,
            offered=len(cloud.zones),
        )
    if release.operating_system not in cloud.images:
        yield InputError(
            "SOC-1206",
            "{cloud} has no image for the release's operating system: {system}",
            where=doc.mark(("release",)),
            cloud=stack.cloud,
            system=release.operating_system,
        )
    if cloud.offers("object-store") and not cloud.surroundings.objects:
        yield InputError(
            "SOC-1224",
            "{cloud} offers an object store and does not say where: surroundings.objects",
            where=doc.mark(("cloud",)),
            cloud=stack.cloud,
        )
    for key in stack.assumptions:
        if tuple(key.split(".")) not in doc.values:
            yield InputError(
                "SOC-1215",
                "an assumption about a key that is not written: {key}",
                where=doc.mark(("assumptions", key)),
                key=key,
            )
    if stack.certificates.issuer == "acme":
        yield from _acme_problems(stack, cloud, doc)
    for image in images_of(["media"]):  # of every stack; the others once its tiers are known
        if image not in release.images:
            yield InputError(
                "SOC-1211", "the release lacks an image: {image}", where=doc.mark(("release",)), image=image
            )
    if stack.features.telephony and not stack.telephony:
        yield InputError(
            "SOC-1223", "telephony needs the phone operator's addresses: telephony.trunk", where=doc.mark(("features",))
        )
    if stack.identity.provider == "oidc" and not stack.identity.issuer:
        yield InputError("SOC-1207", "the provider oidc needs an issuer", where=doc.mark(("identity",)))


def _acme_problems(stack: Stack, cloud: Cloud, doc: Document) -> Iterator[InputError]:
    where = doc.mark(("certificates",))
    if not (stack.certificates.directory and stack.certificates.country):
        yield InputError("SOC-1212", "the issuer acme needs a directory and its country", where=where)
    if cloud.dns.update == "zone-file":
        yield InputError(
            "SOC-1230",
            "the issuer acme proves names by DNS, and the zone file of {cloud} is handed over by hand",
            where=where,
            hint=_("write dns.update: rfc2136 or designate in the cloud file, or another certificates.issuer"),
            cloud=stack.cloud,
        )


def _address_problems(stack: Stack, cloud: Cloud, doc: Document) -> Iterator[InputError]:
    block = stack.network.cidr
    where = doc.mark(("network", "cidr"))
    if not 16 <= block.prefixlen <= 19:
        yield InputError("SOC-1208", "the stack's block must be a /16 to a /19: {block}", where=where, block=block)
    if not any(block.subnet_of(private) for private in PRIVATE):
        yield InputError("SOC-1209", "the stack's block must be private: {block}", where=where, block=block)
    yield from _ipv6_problems(stack, cloud, doc)
    external = _("{cloud}'s external network").format(cloud=stack.cloud)
    others: list[tuple[str, IPv4Network]] = [(external, cloud.external_network.cidr)]
    others += [("access.from", source) for source in stack.access.sources]
    others += [
        (_("{cloud}'s server of {kind}").format(cloud=stack.cloud, kind=kind), IPv4Network(server.address))
        for kind, server in cloud.surroundings.servers.items()
    ]
    for what, other in others:
        if block.overlaps(other) and other.prefixlen > 0:
            yield InputError(
                "SOC-1201",
                "the stack's block {block} overlaps {what}: {other}",
                where=where,
                block=block,
                what=what,
                other=other,
            )
            return


def _ipv6_problems(stack: Stack, cloud: Cloud, doc: Document) -> Iterator[InputError]:
    block, routed = stack.network.ipv6, cloud.external_network.ipv6
    where = doc.mark(("network", "ipv6"))
    if block is None:
        return
    if not 48 <= block.prefixlen <= 64:
        yield InputError("SOC-1208", "the stack's IPv6 block must be a /48 to a /64: {block}", where=where, block=block)
    if routed is None or not block.subnet_of(routed):
        yield InputError(
            "SOC-1231",
            "{cloud} does not route the stack's IPv6 block: {block}",
            where=where,
            hint=_("external_network.ipv6 of the cloud file: {block}").format(block=routed or "-"),
            cloud=stack.cloud,
            block=block,
        )
