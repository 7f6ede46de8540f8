"""`socle verify`: the service is proven from outside, and the nodes' sockets are held against the flow matrix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from socle.errors import CloudError, MachineError, NodeError, SocleError, VerifyFailed
from socle.messages import _

if TYPE_CHECKING:
    from socle.probe.call import Client
    from socle.probe.model import CallResult, Outcome, Target
    from socle.probe.verify import Facts, Report
    from socle.stack.load import LoadedStack
    from socle.topology import Topology


@click.command()
@click.argument("stack")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
@click.option("--native", is_flag=True, help="Call with the native client even where there is a browser")
@click.option("--calls-only", is_flag=True, help="Only flows and calls: no port scan, no question to the nodes")
def verify(stack: str, as_json: bool, native: bool, calls_only: bool) -> None:
    """Prove the service from outside: flows, ports, TLS, real calls."""
    from socle.cli.deployed import outputs_of
    from socle.probe.verify import run
    from socle.stack import load_stack
    from socle.topology import derive

    loaded = load_stack(stack)
    topology = derive(loaded)
    outputs = outputs_of(loaded)
    goal = target_of(loaded, topology, outputs)
    _refuse_without_lab(loaded)
    report = run(
        goal, _client(native, goal), lambda: _facts(loaded, topology, outputs), calls_only=calls_only, say=_say
    )
    file = _save(report)
    stand_ins = loaded.release.stand_ins(tier.name for tier in topology.tiers)
    if as_json:
        click.echo(json.dumps(report.document() | {"stand_ins": stand_ins}, indent=2, ensure_ascii=False))
    else:
        for image in stand_ins:
            click.echo(f"! {_('{image}: a stand-in, not La Suite Meet').format(image=image)}")
        click.echo("\n".join(_printed(report)))
        click.echo(_("written: {file}").format(file=file), err=True)
    _raise(report)


def _say(text: str) -> None:
    click.echo(text, err=True)


def target_of(loaded: LoadedStack, topology: Topology, outputs: dict[str, Any]) -> Target:
    from socle.nodes import outputs as node_outputs
    from socle.nodes.hostkeys import known_hosts_file
    from socle.nodes.vault import read_vault
    from socle.probe.model import Spot, Target

    cloud = loaded.cloud
    made = node_outputs.read(outputs, topology)
    values = read_vault(loaded.name)
    if missing := [name for name in ("livekit_api_key", "livekit_api_secret", "turn_secret") if name not in values]:
        hint = _("first: socle up {stack}").format(stack=loaded.name)
        raise NodeError("SOC-8304", "the vault lacks: {names}", hint=hint, names=", ".join(missing))
    issuer = cloud.certificates.issuer
    authority = issuer.certificate if issuer else cloud.ca_certificate
    if loaded.stack.certificates.issuer == "acme":
        authority = None  # the public ones, which browsers trust
    return Target(
        topology,
        tuple(
            Spot(node.name, node.tier, made[node.name].address, made[node.name].floating_address)
            for node in topology.nodes
        ),
        tuple(Spot(front.name, front.tier, front.address, made.fronts[front.name]) for front in topology.fronts),
        Path(authority) if authority else None,
        tuple(loaded.stack.access.sources),
        full_scan=cloud.embedded,
        names_server=str(cloud.dns.server) if cloud.dns.server else None,
        known_hosts=known_hosts_file(loaded.name),
        api_key=values["livekit_api_key"],
        api_secret=values["livekit_api_secret"],
        turn_secret=values["turn_secret"]["current"],
    )


def _refuse_without_lab(loaded: LoadedStack) -> None:
    """Without the lab's link its addresses lead elsewhere, where anything may answer."""
    from socle.probe.ports import way

    wiring = loaded.cloud.lab
    if wiring and way(str(wiring.services_address)) != str(wiring.link.host.ip):
        hint = _("is the lab up? socle lab status")
        raise CloudError(
            "SOC-8305", "this machine has no way into the lab: {address}", hint=hint, address=wiring.link.host
        )


def _client(native: bool, target: Target) -> Client:
    """The browser where there is one, else the native client; says why when the browser cannot be used."""
    import shutil

    from socle.probe import chromium
    from socle.probe.native import Native

    program = None if native else chromium.find()
    if program is None:
        return Native()
    if target.ca and not shutil.which("certutil"):
        _say(_("calls by the native client: the browser needs certutil (libnss3-tools) to trust the stack's authority"))
        return Native()
    try:
        return chromium.Chromium(program, chromium.web_client())
    except MachineError as error:
        _say(_("calls by the native client: {reason}").format(reason=error.message))
        return Native()


def _facts(loaded: LoadedStack, topology: Topology, outputs: dict[str, Any]) -> Facts:
    """Node -> its listening sockets, asked now. A node that cannot be asked is unknown, never silent."""
    from socle.engine import access
    from socle.nodes import run

    try:
        gathered = run.gather_facts(loaded, topology, outputs, access.connect(loaded), _say)
    except SocleError as error:
        return {node.name: error.message for node in topology.nodes}
    return {name: _listeners(facts) for name, facts in gathered.items()}


def _listeners(facts: dict[str, Any]) -> Any:
    from socle.probe.sockets import Listener

    return [
        Listener(one["protocol"], one["address"], int(one["port"]), one.get("process", "")) for one in facts["sockets"]
    ]


def _save(report: Report) -> Path:
    from socle.files import write_file
    from socle.paths import stack_dir

    file = stack_dir(report.stack) / "verify.json"
    write_file(file, json.dumps(report.document(), indent=1, ensure_ascii=False) + "\n")
    return file


def _word(outcome: Outcome) -> str:
    return {"pass": _("ok"), "fail": _("FAILS"), "unknown": _("unknown")}[outcome]


def _printed(report: Report) -> list[str]:
    from socle.table import table

    titles = {
        "flow": (_("FLOWS, FROM OUTSIDE"), _("flow")),
        "signalling": (_("SIGNALLING"), _("what")),
        "relay": (_("WHERE THE RELAY SENDS"), _("what")),
        "name": (_("NAMES"), _("name")),
        "ports": (_("TCP PORTS, FROM OUTSIDE"), _("what")),
        "sockets": (_("SOCKETS, ON THE NODES"), _("what")),
    }
    lines: list[str] = []
    for kind, (title, first) in titles.items():
        rows = [(c.subject, c.node or "-", _word(c.outcome), c.seen) for c in report.checks if c.kind == kind]
        if rows:
            lines += [title, table((first, _("node"), _("result"), _("seen")), rows), ""]
    if report.calls:
        rows = [_call_row(call) for call in report.calls]
        head = (_("path"), _("relay"), _("result"), _("received, and by which way"))
        lines += [_("CALLS, {client}").format(client=report.client), table(head, rows), ""]
    lines += [f"! {cause.text}" for cause in report.causes]
    what = _("verified in {seconds} s: {result}")
    return [*lines, what.format(seconds=report.seconds, result=_word(report.outcome))]


def _call_row(call: CallResult) -> tuple[str, str, str, str]:
    if call.failure:
        return call.path, call.relay or "-", _word("fail"), call.failure
    got = ", ".join(f"{who} {one.audio} audio {one.video} video" for who, one in zip("ab", call.received, strict=False))
    ways = sorted({f"{pair.local} {pair.protocol}" for pair in call.pairs})
    return call.path, call.relay or "-", _word("pass"), f"{got}; {', '.join(ways)}"


def _raise(report: Report) -> None:
    hint = "\n".join(cause.text for cause in report.causes)
    failed = sum(1 for c in report.checks if c.outcome == "fail") + sum(1 for call in report.calls if call.failure)
    if failed:
        raise VerifyFailed(
            "SOC-8301", "the service is not what the stack says, failures: {count}", hint=hint, count=failed
        )
    if open_ := [c for c in report.checks if c.outcome == "unknown"]:
        hint = "\n".join(f"{c.node or c.subject}: {c.subject}: {c.seen}" for c in open_)
        raise VerifyFailed(
            "SOC-8302", "not everything could be looked at, unknown: {count}", hint=hint, count=len(open_)
        )
