"""The lab's one way in and out on the host: a veth pair, a route, one nftables table. Nothing else is touched."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path

from socle.errors import MachineError
from socle.lab import apis, kernel, wiring
from socle.lab.commands import run, succeeds
from socle.lab.wiring import Wiring
from socle.lab.world import inside
from socle.messages import _

MADE = wiring.RUN / "link"  # there when the link is ours; says whether all of it is


def nft(root: Path, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """nft out of the lab's userland: the host need not have it."""
    return run(["chroot", str(root), "nft", *arguments], stdin=stdin, check=check)


def rules(where: Wiring, resolvers: Sequence[str]) -> str:
    """The lab and its instances leave through the host, and reach of the host itself its name servers only."""
    to = f"ip daddr {{ {', '.join(resolvers)} }} meta l4proto {{ tcp, udp }} th dport {apis.NAMES_PORT}"
    resolve = f"    ip saddr {where.lab_link.ip} {to} accept\n" if resolvers else ""
    return f"""table inet {wiring.TABLE}
delete table inet {wiring.TABLE}
table inet {wiring.TABLE} {{
  chain out {{
    type nat hook postrouting priority 100;
    ip saddr {{ {where.public}, {where.host_link.network} }} oifname != "{wiring.DEVICE}" masquerade
  }}
  chain in {{
    type filter hook input priority 0;
    iifname != "{wiring.DEVICE}" accept
    ct state established,related accept
    meta l4proto icmp accept
{resolve}    drop
  }}
}}
"""


def connect(where: Wiring, process: int, root: Path, resolvers: Sequence[str]) -> None:
    """Link, addresses, routes, translation, unless they are there; the lab's PID 1 is `process`."""
    if MADE.exists() and MADE.read_text() == "whole":
        return
    disconnect(root)
    MADE.write_text("part")
    run(["ip", "link", "add", wiring.DEVICE, "type", "veth", "peer", "name", "eth0", "netns", str(process)])
    run(["ip", "addr", "add", str(where.host_link), "dev", wiring.DEVICE])
    run(["ip", "link", "set", wiring.DEVICE, "up"])
    inside(["ip", "addr", "add", str(where.lab_link), "dev", "eth0"])
    inside(["ip", "link", "set", "eth0", "up"])
    inside(["ip", "route", "add", "default", "via", str(where.host_link.ip)])
    run(["ip", "route", "add", str(where.public), "via", str(where.lab_link.ip)])
    nft(root, "-f", "-", stdin=rules(where, resolvers))
    kernel.raise_settings()
    MADE.write_text("whole")


def disconnect(root: Path | None) -> None:
    """Takes back what connect() made; may be repeated. Without a root (cache removed) the host's own nft is tried."""
    if not MADE.exists():
        return
    run(["ip", "link", "del", wiring.DEVICE], check=False)
    delete = ["delete", "table", "inet", wiring.TABLE]
    if root and root.is_dir():
        nft(root, *delete, check=False)
    else:
        succeeds(["nft", *delete])
    kernel.put_back()
    MADE.unlink()


def require_free(where: Wiring) -> None:
    """SOC-6006 when the lab's device or ranges are somebody else's; nothing is changed."""
    links = json.loads(run(["ip", "-json", "link", "show"]))
    if any(link["ifname"] == wiring.DEVICE for link in links):
        raise MachineError(
            "SOC-6006",
            _("a network device of that name is there and is not the lab's: {name}").format(name=wiring.DEVICE),
            hint=_("remove it, or end what made it"),
        )
    ours = (where.public, where.host_link.network)
    for route in json.loads(run(["ip", "-json", "route", "show", "table", "all"])):
        destination = route.get("dst", "default")
        if destination == "default" or ":" in destination:
            continue
        taken = ipaddress.IPv4Network(destination, strict=False)
        if taken.prefixlen and any(taken.overlaps(own) for own in ours):
            raise MachineError(
                "SOC-6006",
                _("an address range of the lab is already routed on this machine: {range} on {device}").format(
                    range=taken, device=route.get("dev", "?")
                ),
                hint=_("the lab's ranges are written in stacks/clouds/lab.yaml"),
            )
