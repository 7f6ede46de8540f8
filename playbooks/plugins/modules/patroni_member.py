#!/usr/bin/python
"""What Patroni says of its cluster and of one node of it; restarts one node so that clients hardly see it."""

from __future__ import annotations

DOCUMENTATION = """
module: patroni_member
short_description: Asks Patroni, and changes what it keeps or runs
description:
  - C(settled) fails until the node leads or follows.
  - C(last) fails while a node that leads has replicas at work that have not the configuration of this node's file.
  - C(shared) writes what all nodes must share (C(bootstrap.dcs) of its configuration) where Patroni keeps other values.
  - C(current) restarts the node where it has to be; one that leads hands over to a replica in step first.
  - C(proven) fails unless one node of C(nodes) leads, all others follow it, and one of them is in step.
options:
  wanted:
    description: What is asked for.
    type: str
    choices: [settled, last, shared, current, proven]
    required: true
  node:
    description: The node's name.
    type: str
    required: true
  url:
    description: Where its Patroni answers.
    type: str
    required: true
  nodes:
    description: Names of all nodes.
    type: list
    elements: str
    required: true
  restart:
    description: Patroni itself must be restarted, its unit has changed.
    type: bool
    default: false
  configuration:
    description: Patroni's configuration.
    type: path
    default: /etc/patroni/config.yml
  patience:
    description: Seconds for a node to be in step again after a restart.
    type: int
    default: 300
  username:
    description: The user that may change something.
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  ca:
    description: File of the certificate authority, in PEM.
    type: str
    required: true
  certificate:
    description: File of the certificate that is shown, in PEM.
    type: str
    required: true
  key:
    description: File of its key.
    type: str
    required: true
author: Socle
"""

EXAMPLES = """
- name: "See that the database has one leader."
  patroni_member:
    wanted: proven
    node: database-1
    nodes: [database-1, database-2, database-3]
    url: https://192.0.2.10:8008
    username: patroni
    password: "{{ secrets.database_management_password }}"
    ca: /etc/patroni/tls/ca.pem
    certificate: /etc/patroni/tls/database.crt
    key: /etc/patroni/tls/database.key
"""

RETURN = """
leads:
  description: Whether the node leads.
  type: bool
  returned: success
action:
  description: What was done, in words.
  type: list
  returned: success
"""

import base64  # noqa: E402
import json  # noqa: E402
import ssl  # noqa: E402
import time  # noqa: E402
import urllib.error  # noqa: E402
import urllib.request  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

PATIENCE = 10  # seconds for an answer
HANDED_OVER = 60  # seconds for Patroni to answer a switchover, which it does when it is over
LEADS = ("leader", "master", "primary")
FOLLOWS = ("replica", "sync_standby", "quorum_standby")
AT_WORK = ("running", "streaming")
COMING = ("starting", "restarting", "running")  # of a replica: it does not receive yet, and soon will


class Refused(Exception):
    """An answer that is an error, or what is not as it should be."""


class Patroni:
    """One node's Patroni."""

    def __init__(self, given):
        self.url = given["url"]
        self.trust = ssl.create_default_context(cafile=given["ca"])
        self.trust.load_cert_chain(given["certificate"], given["key"])
        login = f"{given['username']}:{given['password']}".encode()
        self.login = "Basic " + base64.b64encode(login).decode()

    def ask(self, path, method="GET", body=None, patience=PATIENCE):
        """The answer: JSON where it is JSON, else text. Raises Refused."""
        question = urllib.request.Request(self.url + path, method=method)  # noqa: S310  https alone
        if method != "GET":
            question.add_header("Authorization", self.login)
            question.add_header("Content-Type", "application/json")
            question.data = json.dumps(body or {}).encode()
        try:
            with urllib.request.urlopen(question, timeout=patience, context=self.trust) as answer:  # noqa: S310
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Refused(f"Patroni answers {error.code}: {error.read().decode(errors='replace')[:300]}") from None
        except OSError as error:
            raise Refused(f"Patroni does not answer: {getattr(error, 'reason', error)}") from None
        try:
            return json.loads(text)
        except ValueError:
            return text

    def members(self):
        """Name -> what is known of it."""
        return {one["name"]: one for one in self.ask("/cluster").get("members", [])}


def leads(member):
    return member.get("role") in LEADS


def at_work(member):
    """Whether it serves: a leader that runs, a replica that receives what the leader writes."""
    state = member.get("state")
    return state in AT_WORK if leads(member) else state == "streaming"


def not_settled(members, node):
    """Why the node is not where it should be, in words; '' when it is."""
    own = members.get(node)
    if own is None or not at_work(own):
        return f"{node} is {(own or {}).get('state', 'unknown to Patroni')}"
    if not any(leads(one) and at_work(one) for one in members.values()):
        return "nobody leads"
    return ""


def not_last(members, node, configured):
    """Why a leader may not be restarted yet, in words. It waits for replicas at work, never for one that is away."""
    if not leads(members.get(node, {})):
        return ""
    others = {name: one for name, one in members.items() if name != node and (at_work(one) or one["state"] in COMING)}
    late = [
        name
        for name, one in others.items()
        if not at_work(one) or one.get("tags", {}).get("configured") != configured or one.get("pending_restart")
    ]
    return f"replicas that are not yet as configured: {', '.join(sorted(late))}" if late else ""


def not_proven(members, nodes):
    """Why this is no sound cluster of these nodes, in words; '' when it is."""
    leaders = sorted(name for name, one in members.items() if leads(one))
    if len(leaders) != 1:
        return f"one node must lead; those that do: {', '.join(leaders) or 'none'}"
    absent = sorted(set(nodes) - set(members))
    if absent:
        return f"unknown to Patroni: {', '.join(absent)}"
    strangers = sorted(set(members) - set(nodes))
    if strangers:
        return f"no nodes of this stack: {', '.join(strangers)}"
    idle = sorted(f"{name} is {one.get('state')}" for name, one in members.items() if not at_work(one))
    if idle:
        return f"not at work: {', '.join(idle)}"
    if len(nodes) > 1 and not any(one.get("role") == "sync_standby" for one in members.values()):
        return "no replica is in step with the leader: what is acknowledged would be on one disk alone"
    return ""


def successor(members, node):
    """The replica that takes over from the node: in step, and at work; '' where there is none."""
    found = sorted(name for name, one in members.items() if one.get("role") == "sync_standby" and at_work(one))
    return next((name for name in found if name != node), "")


def differing(wanted, kept):
    """What of `wanted` is kept otherwise, as Patroni takes changes."""
    found = {}
    for name, value in wanted.items():
        had = kept.get(name)
        if isinstance(value, dict):
            inner = differing(value, had if isinstance(had, dict) else {})
            if inner:
                found[name] = inner
        elif had != value:
            found[name] = value
    return found


def until(condition, patience, what):
    """Waits until `condition()` returns '', which it may raise Refused instead of."""
    end = time.monotonic() + patience
    while True:
        try:
            problem = condition()
        except Refused as error:
            problem = str(error)
        if not problem:
            return
        if time.monotonic() > end:
            raise Refused(f"{what}: {problem}")
        time.sleep(0.5)


def written(given):
    """Patroni's configuration file."""
    import yaml

    with open(given["configuration"]) as stream:  # noqa: PTH123
        return yaml.safe_load(stream)


def share(patroni, given, change):
    found = differing(written(given)["bootstrap"]["dcs"], patroni.ask("/config"))
    if found and change:
        patroni.ask("/config", "PATCH", found)
    return [f"now shared: {name}" for name in found]


def hand_over(patroni, members, node, patience):
    """Makes another node lead; nothing where no other can, as a node alone."""
    if len(members) == 1:
        return []
    missing = "no replica is in step with it"  # the last one to restart may be on its way back
    until(lambda: "" if successor(patroni.members(), node) else missing, patience, "the leader is not restarted")
    other = successor(patroni.members(), node)
    patroni.ask("/switchover", "POST", {"leader": node, "candidate": other}, HANDED_OVER)
    until(lambda: not_following(patroni.members(), node), patience, "after the switchover")
    return [f"leader now {other}"]


def not_following(members, node):
    """Why a node that has handed over does not follow yet, in words: Patroni restarts it as a replica, and takes no
    other wish meanwhile."""
    own = members.get(node, {})
    if leads(own):
        return f"{node} still leads"
    return "" if at_work(own) else f"{node} is {own.get('state', 'unknown to Patroni')}"


def bring_up_to_date(module, patroni, given):
    node, members = given["node"], patroni.members()
    own = members.get(node, {})
    if not (given["restart"] or own.get("pending_restart")):
        return []
    if module.check_mode:
        return ["PostgreSQL restarted"]
    done = hand_over(patroni, members, node, given["patience"]) if leads(own) else []
    if given["restart"]:
        rc, _out, err = module.run_command(["systemctl", "restart", "patroni.service"])
        if rc != 0:
            raise Refused(f"patroni.service does not restart: {err.strip()}")
        done.append("Patroni restarted")
    elif not done or patroni.members().get(node, {}).get("pending_restart"):  # handing over was a restart, too
        patroni.ask("/restart", "POST", {}, given["patience"])
        done.append("PostgreSQL restarted")
    until(lambda: back(patroni.members(), node), given["patience"], "after its restart")
    return done


def back(members, node):
    """Why a node that was restarted is not back, in words: it serves, and what waited for the restart waits no more."""
    own = members.get(node, {})
    if own.get("pending_restart"):
        return f"{node} still waits for a restart"
    if not at_work(own):
        return f"{node} is {own.get('state', 'unknown to Patroni')}"
    alone = len(members) == 1 or any(one.get("role") == "sync_standby" for one in members.values())
    return "" if alone else "no replica is in step with the leader"


def main():
    module = AnsibleModule(
        argument_spec={
            "wanted": {"type": "str", "required": True, "choices": ["settled", "last", "shared", "current", "proven"]},
            "node": {"type": "str", "required": True},
            "url": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "restart": {"type": "bool", "default": False},
            "configuration": {"type": "path", "default": "/etc/patroni/config.yml"},
            "patience": {"type": "int", "default": 300},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "ca": {"type": "str", "required": True},
            "certificate": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    given, done, problem = module.params, [], ""
    try:
        patroni = Patroni(given)
        if given["wanted"] == "shared":
            done = share(patroni, given, not module.check_mode)
        elif given["wanted"] == "current":
            done = bring_up_to_date(module, patroni, given)
        members = patroni.members()
        if given["wanted"] == "settled":
            problem = not_settled(members, given["node"])
        elif given["wanted"] == "last":
            problem = not_last(members, given["node"], written(given)["tags"]["configured"])
        elif given["wanted"] == "proven":
            problem = not_proven(members, given["nodes"])
    except (OSError, Refused) as error:
        module.fail_json(msg=str(error), action=done)
    if problem:
        module.fail_json(msg=problem)
    module.exit_json(changed=bool(done), action=done, leads=leads(members.get(given["node"], {})))


if __name__ == "__main__":
    main()
