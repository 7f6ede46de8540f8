"""SSH host keys, read where nobody in between can write them: the instance's console log, through the cloud.

`<state>/<stack>/known_hosts` has a line per instance, under its identifier and addresses: a replaced instance has a
new identifier, so its key is read again. No key, no connection.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from socle import paths
from socle.errors import NodeError
from socle.files import write_file
from socle.messages import _
from socle.nodes.outputs import NodeOutput, Outputs

BLOCK = re.compile(r"BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS", re.DOTALL)
KEY = re.compile(r"ssh-ed25519 (AAAA[0-9A-Za-z+/]{64}={0,2})")
PATIENCE = 240  # seconds: a first boot with cloud-init, on a busy machine
PAUSE = 1.0

ReadConsole = Callable[[str], str]  # an instance's identifier -> its console log


def known_hosts_file(stack: str) -> Path:
    return paths.stack_dir(stack) / "known_hosts"


def host_key(console: str) -> str | None:
    """The last ed25519 host key that cloud-init printed, in base64; None when there is none (yet)."""
    found = [key for block in BLOCK.findall(console) for key in KEY.findall(block)]
    return found[-1] if found else None


def pin(stack: str, outputs: Outputs, console: ReadConsole, patience: float = PATIENCE) -> Path:
    """Reads the key of every instance that has none yet; forgets instances that are gone. Returns the file.

    Raises NodeError when a console shows no key in time.
    """
    file = known_hosts_file(stack)
    known = _read(file)
    keys = {o.instance_id: known[o.instance_id] for o in outputs.values() if o.instance_id in known}
    waiting = {name: output for name, output in outputs.items() if output.instance_id not in keys}
    deadline = time.monotonic() + patience
    while waiting:
        for name, output in list(waiting.items()):
            if key := host_key(console(output.instance_id)):
                keys[output.instance_id] = key
                del waiting[name]
        if not waiting:
            break
        if time.monotonic() > deadline:
            raise NodeError(
                "SOC-5101",
                "no SSH host key on the console of: {nodes}",
                hint=_("the image's cloud-init must print host keys to the console (emit_keys_to_console)"),
                nodes=", ".join(sorted(waiting)),
            )
        time.sleep(PAUSE)
    text = "".join(_line(output, keys[output.instance_id]) for _name, output in sorted(outputs.items()))
    if not file.exists() or file.read_text(encoding="ascii") != text:
        write_file(file, text.encode("ascii"))
    return file


def _line(output: NodeOutput, key: str) -> str:
    names = [output.instance_id, output.address, *([output.floating_address] if output.floating_address else [])]
    return f"{','.join(names)} ssh-ed25519 {key}\n"


def _read(file: Path) -> Mapping[str, str]:
    """Instance identifier -> key."""
    if not file.exists():
        return {}
    lines = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    return {names.split(",")[0]: key for names, _kind, key in lines}
