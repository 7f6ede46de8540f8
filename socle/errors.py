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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from socle.messages import _


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
        return [head, *(f"  {line}" for line in self.hint.splitlines())]


class InputError(SocleError):
    exit_code = 2


class StackErrors(InputError):
    """Every mistake of one stack file, so that they are mended in one go."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        first = errors[0]
        super().__init__(first.code, first.message, where=first.where, hint=first.hint)
        self.errors = tuple(errors)

    def lines(self) -> list[str]:
        return [line for error in self.errors for line in error.lines()]


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
