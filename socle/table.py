"""Tables for terminals: plain text, columns as wide as they need, the last one cut to the width."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned text. On a terminal the last column wraps at its width; piped, nothing is cut."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    limit = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 10_000
    lines: list[str] = []
    for row in cells:
        start = "  ".join(cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True))
        room = max(20, limit - len(start) - 2)
        first, *rest = _wrapped(row[-1], room)
        lines.append(f"{start}  {first}".rstrip() if start else first)
        lines += [" " * (len(start) + 2) + more for more in rest]
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
