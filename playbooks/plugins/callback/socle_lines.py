"""One JSON object per line on stdout for what a run changed, what failed and how it ended; Socle reads them."""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: socle_lines
type: stdout
short_description: JSON lines for Socle
description:
  - Writes one JSON object per changed or failed task, and the totals at the end.
  - Shows a task's message, never its arguments.
"""

LONGEST = 2000


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "socle_lines"

    def _line(self, **fields: Any) -> None:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()

    def _of(self, result: Any, event: str, **fields: Any) -> None:
        self._line(event=event, node=result.host.get_name(), task=result.task.get_name().strip(), **fields)

    def v2_runner_on_ok(self, result: Any) -> None:
        data = result.result
        if "facts" in result.task.tags:
            self._of(result, "facts", text=data.get("stdout", ""))
        elif data.get("changed"):
            detail = data.get("placed") or data.get("action") or []
            self._of(result, "changed", detail=[str(one) for one in detail])
        else:
            self._of(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._of(result, "failed", reason=_reason(result.result))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._of(result, "unreachable", reason=_reason(result.result))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        nodes = {host: dict(stats.summarize(host)) for host in stats.processed}
        self._line(event="end", nodes=nodes)


def _reason(data: Any) -> str:
    """What the module said last, in one line; a command's own error says more than 'non-zero return code'."""
    said = " ".join(str(data.get("msg", "")).split())
    error = str(data.get("stderr") or data.get("module_stderr") or "").strip()
    if "results" in data:
        failed = [_reason(item) for item in data["results"] if item.get("failed")]
        return " / ".join(failed)[:LONGEST] or said
    if error and ("non-zero" in said or "MODULE FAILURE" in said.upper() or not said):
        said = f"{said}: {error.splitlines()[-1]}"
    return said[-LONGEST:]
