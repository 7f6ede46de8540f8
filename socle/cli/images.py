"""socle images: container images, into the ministry's registry and looked at there."""

from __future__ import annotations

import json
from pathlib import Path

import click

from socle.messages import _

REGISTRY = "HOST[:PORT]"


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.group()
def images() -> None:
    """Container images: bring them into the ministry's registry, and prove that they are there."""


@images.command("import")
@click.argument("archives", metavar="ARCHIVE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--registry", "host", metavar=REGISTRY, help="Push there; default: the registry of the stack's cloud.")
@click.option("--for", "stack", metavar="STACK|RELEASE", help="The release that the images are of, and its registry.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def import_(archives: tuple[Path, ...], host: str | None, stack: str | None, as_json: bool) -> None:
    """Check OCI archives or layouts (for linux/amd64) and push them.

    An archive that does not name its image is the release's image of the file's name: meet-backend.tar. What the
    registry has is not sent again; the version is named last. Credentials come from the standard file (auth.json).
    """
    from dataclasses import asdict

    from socle.images import archive, push, wanted
    from socle.table import table

    meant = wanted.of(stack) if stack else None
    registry = wanted.registry(host, meant.cloud if meant else None)
    done = []
    for file in archives:
        with archive.opened(file) as source:
            image = source.image()
            entry = wanted.entry(push.stem(file), image, meant.release if meant else None, file)
            done.append(push.push(source, image, registry, entry.repository, entry.version, _say))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in done], indent=2))
        return
    click.echo(table([_("name"), _("version"), _("digest")], [(one.name, one.version, one.digest) for one in done]))
    for one in done:
        if one.before:
            _say(_("{name} named another image until now: {digest}").format(name=one.version, digest=one.before))


@images.command()
@click.argument("stack", metavar="STACK|RELEASE")
@click.option("--registry", "host", metavar=REGISTRY, help="Push there; default: the registry of the stack's cloud.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def mirror(stack: str, host: str | None, as_json: bool) -> None:
    """Copy a release's images from their publishers' registries, by digest.

    Signatures, attestations and bills of materials come along. What the target has is not sent again. Credentials of
    both sides come from the standard file (auth.json).
    """
    from dataclasses import asdict

    from socle.images import mirror as copying
    from socle.images import wanted
    from socle.images.registry import Registry
    from socle.table import table

    meant = wanted.of(stack, published=True)
    done = list(copying.mirror(meant.release, wanted.registry(host, meant.cloud), Registry, _say))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in done], indent=2))
        return
    head = (_("name"), _("version"), _("beside it"), _("digest"))
    click.echo(table(head, [(one.name, one.version, one.beside, one.digest) for one in done]))


@images.command()
@click.argument("stack", metavar="STACK|RELEASE")
@click.option("--registry", "host", metavar=REGISTRY, help="Look there; default: the registry of the stack's cloud.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def verify(stack: str, host: str | None, as_json: bool) -> None:
    """Prove that a registry holds a release: digests, signatures, bills of materials.

    What the release does not declare is unknown, and unknown is no pass.
    """
    from socle.images import verify as proof
    from socle.images import wanted
    from socle.table import table

    meant = wanted.of(stack)
    result = proof.verify(meant.release, wanted.registry(host, meant.cloud))
    if as_json:
        click.echo(json.dumps(result.record(), indent=2))
    else:
        words = {"pass": _("ok"), "fail": _("FAILS"), "unknown": _("unknown")}
        head = (_("image"), _("what"), _("result"), _("seen"))
        click.echo(table(head, [(one.image, one.what, words[one.outcome], one.seen) for one in result.checks]))
        for name in meant.release.stand_ins():
            click.echo("! " + _("{image}: a stand-in, not La Suite Meet").format(image=name))
    proof.require(result)
