#!/usr/bin/python
"""With which members a new etcd begins: as one of the first, or as one more of a cluster that is there."""

from __future__ import annotations

DOCUMENTATION = """
module: etcd_member
short_description: Makes a node a member of an etcd cluster before its etcd starts with an empty folder
description:
  - Asks the other nodes. Where nobody answers, all begin together.
  - Where a cluster answers, the node is made a member of it; one that had its address and lost its data is removed.
options:
  nodes:
    description: Name and address of every node that is to be a member.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The node's name.
        type: str
        required: true
      address:
        description: The node's address.
        type: str
        required: true
  name:
    description: The node that is about to start.
    type: str
    required: true
  client_port:
    description: Where clients ask.
    type: int
    required: true
  peer_port:
    description: Where members ask each other.
    type: int
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
- name: "Become a member."
  etcd_member:
    nodes: [{name: database-1, address: 192.0.2.10}, {name: database-2, address: 192.0.2.11}]
    name: database-1
    client_port: 2379
    peer_port: 2380
    ca: /etc/etcd/tls/ca.pem
    certificate: /etc/etcd/tls/database.crt
    key: /etc/etcd/tls/database.key
"""

RETURN = """
state:
  description: C(new) or C(existing), as etcd calls it.
  type: str
  returned: success
cluster:
  description: The members it begins with, as etcd wants them.
  type: str
  returned: success
"""

import contextlib  # noqa: E402
import json  # noqa: E402
import ssl  # noqa: E402
import urllib.error  # noqa: E402
import urllib.request  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

PATIENCE = 5  # seconds


class Refused(Exception):
    """An answer that is an error."""


def plan(members, own, names):
    """`(remove, add, existing)` for the node with the peer address `own`. `members`: as etcd lists them, None where
    nobody answers; `names`: peer address -> name.

    A member that has said where clients find it has run, so its data is lost; one that has not is waiting for this.
    """
    if members is None:
        return None, False, False
    mine = next((one for one in members if own in one.get("peerURLs", [])), None)
    if mine is None:
        return None, True, True
    return (mine["ID"], True, True) if mine.get("clientURLs") else (None, False, True)


def cluster(peers, names):
    """`name=address,...`, in one order. A member that nobody knows the name of keeps its address for a name."""
    return ",".join(f"{names.get(peer, peer)}={peer}" for peer in sorted(peers))


def asked(address, port, trust, path, body):
    """The answer of one node. Raises OSError where it does not answer, Refused where it answers with an error."""
    question = urllib.request.Request(
        f"https://{address}:{port}/v3/cluster/{path}", data=json.dumps(body).encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(question, timeout=PATIENCE, context=trust) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        with contextlib.suppress(ValueError):
            text = json.loads(text).get("message", text)
        raise Refused(text) from None


def listed(given, trust):
    """`(the node that answered, members)`, or `(None, None)`: nobody is there, or none knows a leader yet."""
    for node in given["nodes"]:
        if node["name"] == given["name"]:
            continue
        try:
            answer = asked(node["address"], given["client_port"], trust, "member/list", {"linearizable": True})
        except (OSError, Refused):
            continue
        return node["address"], answer.get("members", [])
    return None, None


def joined(given, change):
    """`{changed, state, cluster}`."""
    trust = ssl.create_default_context(cafile=given["ca"])
    trust.load_cert_chain(given["certificate"], given["key"])
    names = {f"https://{node['address']}:{given['peer_port']}": node["name"] for node in given["nodes"]}
    own = next(url for url, name in names.items() if name == given["name"])
    address, members = listed(given, trust)
    remove, add, existing = plan(members, own, names)
    if not existing:
        return {"changed": False, "state": "new", "cluster": cluster(names, names)}
    if change and remove:
        asked(address, given["client_port"], trust, "member/remove", {"ID": remove})
    if change and add:
        asked(address, given["client_port"], trust, "member/add", {"peerURLs": [own]})
    peers = {url for one in members for url in one.get("peerURLs", [])} | {own}
    return {"changed": add, "state": "existing", "cluster": cluster(peers, names)}


def main():
    node = {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": node},
            "name": {"type": "str", "required": True},
            "client_port": {"type": "int", "required": True},
            "peer_port": {"type": "int", "required": True},
            "ca": {"type": "str", "required": True},
            "certificate": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        found = joined(module.params, not module.check_mode)
    except (OSError, Refused) as error:
        module.fail_json(msg=f"etcd takes no new member: {error}")
    module.exit_json(**found)


if __name__ == "__main__":
    main()
