"""Services that only some stacks need. A lab starts them when it is asked to (`socle lab up --with`), then or later,
and remembers them until it is taken down; a group that was not asked for has no process, no port and no endpoint.

The table in docs/lab.md says what each costs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from socle.files import write_file
from socle.lab import wiring
from socle.lab.configuration import Common
from socle.lab.optional import dns, identity, key_manager, load_balancer, object_store
from socle.lab.optional.group import Group
from socle.lab.services import Record
from socle.lab.wiring import Wiring

GROUPS: dict[str, Group] = {
    group.name: group
    for group in (load_balancer.GROUP, dns.GROUP, key_manager.GROUP, object_store.GROUP, identity.GROUP)
}


def remembered() -> tuple[str, ...]:
    """The groups of this lab, in the order of the table."""
    try:
        known = json.loads(wiring.GROUPS.read_text())
    except FileNotFoundError:
        return ()
    return tuple(name for name in GROUPS if name in known)


def remember(names: Iterable[str]) -> tuple[str, ...]:
    """Adds to what the lab has; returns all of it."""
    known = {*remembered(), *names}
    wanted = tuple(name for name in GROUPS if name in known)
    if wanted != remembered():
        write_file(wiring.GROUPS, json.dumps(wanted))
    return wanted


def rows(where: Wiring, names: Iterable[str]) -> list[Record]:
    return [row for name in names for row in GROUPS[name].services(where)]


def texts(common: Common) -> dict[str, str]:
    """Files of every group: they cost nothing while nothing reads them."""
    return {name: text for group in GROUPS.values() for name, text in group.texts(common).items()}
