"""Containers of the cloud's object store."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi import ComponentResource, ResourceOptions
from pulumi_openstack import objectstorage

from infra.components.labels import Labels
from infra.components.options import inside
from socle.topology.model import Container


class Containers(ComponentResource):
    """Private, and protected. Swift has no life cycle of its own: for how many days is written on the container, and
    who writes an object has it expire."""

    def __init__(self, containers: Sequence[Container], labels: Labels, opts: ResourceOptions | None = None) -> None:
        super().__init__("socle:storage:Containers", f"{labels.stack}-containers", None, opts)
        for plan in containers:
            objectstorage.Container(
                plan.name,
                name=plan.name,
                versioning=plan.versions,
                metadata={
                    **labels.headers(f"objects: {plan.holds}"),
                    "holds": plan.holds,
                    "retention-days": str(plan.days),
                },
                force_destroy=False,
                opts=inside(self, protect=True),
            )
        self.register_outputs({})
