"""Entry point of the Pulumi program, under `socle` and under plain `pulumi up` alike.

The stack file is `SOCLE_STACK_FILE`, else the one named like the Pulumi stack. Needs `socle:sshPublicKey` in the
configuration of the Pulumi stack, and the user or application credential in OS_* variables.
"""

import os

import pulumi

from socle import content
from socle.errors import SocleError
from socle.stack import load_stack
from socle.topology import derive


def main() -> None:
    content.root()  # puts `infra` on the import path
    from infra.program import deploy

    try:
        loaded = load_stack(os.environ.get("SOCLE_STACK_FILE") or pulumi.get_stack())
        topology = derive(loaded)
    except SocleError as error:
        raise pulumi.RunError("\n".join(error.lines())) from None
    deploy(loaded, topology)


if __name__ == "__main__":
    main()
