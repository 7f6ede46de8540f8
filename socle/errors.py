"""Everything Socle can refuse, in one tree.

* SocleError          code, message, where, what to do next                       exit 1
  - InputError        the command line, a stack file or another input file       exit 2
  - GateRefused       a control failed and no waiver covers it                    exit 3
  - CloudError        the cloud refused, lacks something or cannot be reached     exit 4
  - NodeError         a node could not be reached or configured                   exit 5
  - VerifyFailed      the deployed service is not what the stack says             exit 6
  - MachineError      this machine cannot do it (lab, disk, missing program)      exit 7
  - PlanMoved         the plan no longer describes what would be applied          exit 8
  - StateLocked       somebody else is working on this stack                      exit 9
  - Drifted           the cloud is not as it was applied                          exit 10
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from socle.messages import _

# What a terminal obeys instead of showing, and what makes a text read otherwise than it is written: controls, spaces
# without width, changes of direction, halves of characters. Tabs and ends of lines are left to who reads a file.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_BREAKING = re.compile(f"{UNSEEN.pattern}|[\t\n\r\x85\u2028\u2029]")
LONGEST = 300  # characters of a value of a file that an error repeats


@dataclass(frozen=True)
class Mark:
    """A place in an input file; line and column start at 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class SocleError(Exception):
    """One refusal: a code that `socle explain` knows, one sentence, and what to do next.

    `message` is a sentence of the catalogue; `values` fill its braces, so that a translation finds the sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, *, where: Mark | None = None, hint: str = "", **values: object) -> None:
        self.code = code
        self.message = _(message).format(**values) if values else _(message)
        self.where = where
        self.hint = hint
        super().__init__(self.message)

    def lines(self) -> list[str]:
        """What the user reads, one error."""
        head = f"{self.where}: {self.code}: {self.message}" if self.where else f"{self.code}: {self.message}"
        return [visible(head), *(f"  {visible(line)}" for line in self.hint.splitlines())]


def visible(text: str) -> str:
    """One line, whatever a value in it holds: characters that a terminal would obey are written as escapes."""
    return _BREAKING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class InputError(SocleError):
    """`values` are what a file holds, so they are cut where they are long."""

    exit_code = 2

    def __init__(self, code: str, message: str, *, where: Mark | None = None, hint: str = "", **values: object) -> None:
        super().__init__(code, message, where=where, hint=hint, **{name: _cut(one) for name, one in values.items()})


def _cut(value: object) -> object:
    text = str(value)
    return value if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


class StackErrors(InputError):
    """The mistakes of one file, so that they are mended in one go. `more`: how many are left unsaid."""

    def __init__(self, errors: Sequence[InputError], *, more: int = 0) -> None:
        first = errors[0]
        super().__init__(first.code, first.message, where=first.where, hint=first.hint)
        self.errors, self.more = tuple(errors), more

    def lines(self) -> list[str]:
        lines = [line for error in self.errors for line in error.lines()]
        return [*lines, _("mistakes that are not shown: {count}").format(count=self.more)] if self.more else lines


class GateRefused(SocleError):
    exit_code = 3


class CloudError(SocleError):
    exit_code = 4


class NodeError(SocleError):
    exit_code = 5


class VerifyFailed(SocleError):
    exit_code = 6


class MachineError(SocleError):
    exit_code = 7


class EngineError(MachineError):
    """Pulumi itself cannot be found, built or run."""


class PlanMoved(SocleError):
    exit_code = 8


class StateLocked(SocleError):
    exit_code = 9


class Drifted(SocleError):
    exit_code = 10
