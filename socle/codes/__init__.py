"""Every error code: what it means and what to do. `socle explain` and the documentation read this table.

The first digit says the room: 1 input, 2 to 3 the stack and the gate, 4 cloud, 5 nodes, 6 lab, 7 machine and engine,
8 plan and verification, 9 locks and faults. The exit code belongs to the error's class, not to its code.
"""

from __future__ import annotations

from socle.codes import cloud, given, machines, proof
from socle.codes.code import Code

CODES: dict[str, Code] = {**given.CODES, **cloud.CODES, **machines.CODES, **proof.CODES}
