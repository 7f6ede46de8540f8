"""Ends the lab and takes back everything it made on the host."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from socle.lab import link, wiring, world
from socle.lab.commands import run
from socle.lab.console import phase, say
from socle.messages import _


def clean(root: Path | None) -> None:
    """What a lab that was killed left on the host; safe to repeat, and nothing is done while a lab runs."""
    if world.pid():
        return
    link.disconnect(root)
    world.remove_cgroups()
    free_loops()
    wiring.INIT.unlink(missing_ok=True)


def free_loops() -> None:
    """Loop devices of volumes outlive the processes that made them."""
    for volume in (wiring.DATA / "cinder/volumes").glob("*"):
        for device in run(["losetup", "-n", "-O", "NAME", "-j", str(volume)], check=False).split():
            run(["losetup", "-d", device], check=False)


def userland() -> Path | None:
    """Any userland that was built: nft is taken from it."""
    return next((path / "root" for path in sorted(wiring.layers_dir().glob("userland-*")) if path.is_dir()), None)


def down(*, keep_data: bool = False) -> None:
    if not wiring.HOME.exists():
        say(_("the lab is down"))
        return
    with phase(_("end the processes")):
        world.end(orderly=keep_data)
        time.sleep(0.1)
    with phase(_("take back link, rules, loop devices")):
        clean(userland())
    if not keep_data:
        with phase(_("delete the data")):
            shutil.rmtree(wiring.HOME)
            with suppress(OSError):
                wiring.HOME.parent.rmdir()  # somebody else's, when it is not empty
    say(_("the lab is down"))
