"""What the verbs that work on a deployed stack begin with."""

from __future__ import annotations

from typing import Any

from socle.errors import NodeError
from socle.messages import _
from socle.stack.load import LoadedStack


def outputs_of(loaded: LoadedStack) -> dict[str, Any]:
    """What the last `up` made. Raises NodeError when there is nothing."""
    from socle.engine import deploy, workspace
    from socle.paths import state_dir

    found: dict[str, Any] = {}
    if (state_dir() / loaded.name).is_dir():
        found = deploy.outputs(workspace.open_stack(loaded, credentials=False))
    if not found.get("nodes"):
        hint = _("first: socle up {stack}").format(stack=loaded.name)
        raise NodeError("SOC-8303", "nothing of this stack is deployed: {stack}", hint=hint, stack=loaded.name)
    return found
