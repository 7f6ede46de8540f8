#!/usr/bin/python
"""Who leads a Valkey of several nodes, by what its Sentinels say; and whether a node of it leads or follows."""

from __future__ import annotations

DOCUMENTATION = """
module: valkey_leader
short_description: Asks Sentinels and Valkey, over TLS and as their clients do, who leads
description:
  - Without C(here) it asks the Sentinels that answer, and fails when they name different leaders.
  - With C(here) all Sentinels must name one leader among C(nodes), and the node must lead, or follow it.
  - A single node has no Sentinel, and leads.
options:
  name:
    description: What the Sentinels call what they watch.
    type: str
    required: true
  nodes:
    description: Addresses of all nodes; a Sentinel runs on each where there are several.
    type: list
    elements: str
    required: true
  here:
    description: The node that must lead or follow.
    type: str
    default: ""
  server_port:
    description: Port of the servers.
    type: int
    required: true
  sentinel_port:
    description: Port of the Sentinels, where several nodes vote.
    type: int
    default: 0
  username:
    description: The user, on servers and Sentinels.
    type: str
    required: true
  password:
    description: The user's password on the servers.
    type: str
    required: true
  sentinel_password:
    description: The user's password on the Sentinels.
    type: str
    default: ""
  ca:
    description: File of the certificate authority, in PEM.
    type: str
    required: true
author: Socle
"""

EXAMPLES = """
- name: "See who leads."
  valkey_leader:
    name: bus
    nodes: [192.0.2.10, 192.0.2.11, 192.0.2.12]
    server_port: 6379
    sentinel_port: 26379
    username: livekit
    password: "{{ secrets.valkey_password }}"
    sentinel_password: "{{ secrets.valkey_sentinel_password }}"
    ca: /etc/valkey/tls/ca.pem
"""

RETURN = """
leader:
  description: Its address; empty when no Sentinel answered.
  type: str
  returned: success
"""

import socket  # noqa: E402
import ssl  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

PATIENCE = 3  # seconds for a connection, and for an answer


class Refused(Exception):
    """An answer that is an error."""


def request(words):
    """One command as the protocol (RESP 2) sends it."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def reply(stream):
    """One answer: a string, None, an integer or a list of them. Raises Refused for an error."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise Refused("the connection was closed")
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"-":
        raise Refused(rest)
    if kind == b"$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode()
    if kind == b"*":
        return None if rest == "-1" else [reply(stream) for _ in range(int(rest))]
    return int(rest) if kind == b":" else rest


def asked(address, port, trust, login, words):
    """The answer to one command. Raises OSError (a certificate that is not trusted, too) or Refused."""
    with (
        socket.create_connection((address, port), timeout=PATIENCE) as clear,
        trust.wrap_socket(clear, server_hostname=address) as channel,
        channel.makefile("rwb") as stream,
    ):
        for command in (("AUTH", *login), words):
            stream.write(request(command))
            stream.flush()
            answer = reply(stream)
    return answer


def said(ask):
    """`(answer, '')`, or `(None, reason)`."""
    try:
        return ask(), ""
    except (OSError, Refused) as error:
        return None, str(error) or type(error).__name__


def replication(text):
    """`INFO replication` as a dictionary."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def of_sentinels(nodes, answers, wanted):
    """`(leader, problem)`. `answers`: address -> (leader or None, reason); `wanted`: whether all must answer."""
    silent = [f"{address}: {reason or 'watches nothing'}" for address, (one, reason) in answers.items() if not one]
    named = {address: one for address, (one, _reason) in answers.items() if one}
    leaders = sorted(set(named.values()))
    if len(leaders) > 1:
        return "", "the Sentinels name different leaders: " + ", ".join(f"{a} says {one}" for a, one in named.items())
    if wanted and silent:
        return "", "Sentinels do not answer: " + ", ".join(silent)
    if leaders and leaders[0] not in nodes:
        return "", f"the Sentinels name a leader that is no node of it: {leaders[0]}"
    return (leaders[0] if leaders else ""), ""


def of_server(here, leader, info):
    """What is wrong with a node, in words; '' when it leads or follows as it should."""
    role, follows = info.get("role"), info.get("master_host", "")
    if here == leader:
        return "" if role == "master" else f"{here} should lead, and follows: {follows}"
    if role != "slave":
        return f"{here} should follow {leader}, and leads"
    if follows != leader:
        return f"{here} should follow {leader}, and follows: {follows}"
    return "" if info.get("master_link_status") == "up" else f"{here} has no copy of its leader yet: {leader}"


def found(given):
    """`(leader, problem)`."""
    trust = ssl.create_default_context(cafile=given["ca"])
    nodes, here, user = given["nodes"], given["here"], given["username"]
    leader = nodes[0] if len(nodes) == 1 else ""
    if not leader:
        words = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", given["name"])
        login = (user, given["sentinel_password"])
        answers = {}
        for address in nodes:
            answer, reason = said(lambda at=address: asked(at, given["sentinel_port"], trust, login, words))
            answers[address] = (answer[0] if answer else None, reason)
        leader, problem = of_sentinels(nodes, answers, bool(here))
        if problem:
            return "", problem
    if not here:
        return leader, ""
    login = (user, given["password"])
    text, reason = said(lambda: asked(here, given["server_port"], trust, login, ("INFO", "replication")))
    if text is None:
        return "", f"Valkey does not answer on {here}: {reason}"
    return leader, of_server(here, leader, replication(text))


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "here": {"type": "str", "default": ""},
            "server_port": {"type": "int", "required": True},
            "sentinel_port": {"type": "int", "default": 0},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "sentinel_password": {"type": "str", "default": "", "no_log": True},
            "ca": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    leader, problem = found(module.params)
    if problem:
        module.fail_json(msg=problem)
    module.exit_json(changed=False, leader=leader)


if __name__ == "__main__":
    main()
