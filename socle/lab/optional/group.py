"""What an optional group of services is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from socle.lab import apis, services, surroundings
from socle.lab.configuration import Common
from socle.lab.services import Record
from socle.lab.wiring import Wiring


def nothing_more(_cloud: Any, _where: Wiring, _secrets: Mapping[str, str]) -> None:
    """A service that is complete once it is in the catalogue."""


def nothing_before(_where: Wiring, _secrets: Mapping[str, str]) -> None:
    """A service whose program is in the lab's root."""


@dataclass(frozen=True)
class Group:
    """One service with all its processes.

    `name`: its type in the catalogue, where it is OpenStack's. `files`: {path below etc: text}. `rows`: its processes,
    without the TLS front.
    `folders`: below the lab's folder. `offer`: what an operator of the cloud does once the service answers, as
    administrator. `prepare`: what is done on the host before its processes start, each time the lab is brought up.
    """

    name: str
    files: Callable[[Common], dict[str, str]]
    rows: Callable[[], list[Record]]
    folders: tuple[str, ...] = ()
    offer: Callable[[Any, Wiring, Mapping[str, str]], None] = nothing_more
    prepare: Callable[[Wiring, Mapping[str, str]], None] = nothing_before

    @property
    def api(self) -> apis.Api:
        return next(api for api in apis.OPTIONAL if api.group == self.name)

    @property
    def front(self) -> str:
        """Of TLS: a process and a file of its own, so that nothing that runs is touched when the group is added."""
        return f"tls-{self.name}"

    def services(self, where: Wiring) -> list[Record]:
        rows = [{**row, "environment": services.environment()} for row in self.rows()]
        return [*rows, services.tls(self.front, f"{where.services}:{self.api.port}")]

    def texts(self, common: Common) -> dict[str, str]:
        return {**self.files(common), f"{self.front}.cfg": surroundings.haproxy(common.where, self.front, [self.api])}
