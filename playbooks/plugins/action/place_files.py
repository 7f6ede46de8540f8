"""Renders a role's files on the control machine and places them all in one go on the node."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_spec = importlib.util.spec_from_file_location("socle_rendering", Path(__file__).parent.parent / "rendering.py")
assert _spec and _spec.loader
rendering = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rendering)


class ActionModule(ActionBase):
    """`files`: the role's list. `variables`: what its templates are given besides the model's values."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("files", "variables"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        import jinja2

        role = self._task._role
        if role is None:
            raise AnsibleActionFail("place_files belongs into a role")
        known = {name: (task_vars or {})[name] for name in rendering.MODEL if name in (task_vars or {})}
        values = json.loads(json.dumps({**known, **(self._task.args.get("variables") or {})}))
        try:
            files = rendering.rendered(self._task.args["files"], Path(role._role_path) / "templates", values)
        except jinja2.TemplateError as error:
            raise AnsibleActionFail(f"{role.get_name()}: a template cannot be rendered: {error}") from None
        contents = {one["path"]: one.pop("content") for one in files if "content" in one}
        arguments = {"files": files, "contents": contents}
        result.update(self._execute_module(module_name="place_files", module_args=arguments, task_vars=task_vars))
        return result
