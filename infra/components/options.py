"""Options that every resource inside a component has."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi import ComponentResource, Resource, ResourceOptions


def inside(
    parent: ComponentResource,
    *,
    protect: bool = False,
    depends_on: Sequence[Resource] = (),
    ignore_changes: Sequence[str] = (),
    replace_on_changes: Sequence[str] = (),
) -> ResourceOptions:
    """A replaced resource goes before its successor comes.

    The engine's own order is the other one, and fails here: two ports cannot have one address, two rules of a group
    cannot be alike, and taking an old association away would cut off the new one.
    """
    return ResourceOptions(
        parent=parent,
        protect=protect,
        depends_on=list(depends_on),
        ignore_changes=list(ignore_changes) or None,
        replace_on_changes=list(replace_on_changes) or None,
        delete_before_replace=True,
    )
