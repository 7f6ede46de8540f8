#!/usr/bin/python
"""The secrets that coturn's users may have their credentials made of, in coturn's own database."""

from __future__ import annotations

DOCUMENTATION = """
module: turn_secrets
short_description: Sets which secrets coturn accepts
description:
  - coturn asks its database each time somebody wants to be let in, so nothing is restarted and no allocation ends.
  - Secrets of the realm that are not given are taken out.
options:
  database:
    description: coturn's SQLite database, which its package brings.
    type: path
    required: true
  realm:
    description: The realm.
    type: str
    required: true
  secrets:
    description: The secrets that are accepted.
    type: list
    elements: str
    required: true
author: Socle
"""

EXAMPLES = """
- name: "Accept the new secret beside the one before."
  turn_secrets:
    database: /var/lib/turn/turndb
    realm: turn.visio.example
    secrets: ["{{ secrets.turn_secret.current }}", "{{ secrets.turn_secret.other }}"]
"""

RETURN = """
action:
  description: How many secrets came and went, e.g. C(secrets: 1 new, 0 gone); empty when nothing changed.
  type: list
  returned: success
"""

import sqlite3  # noqa: E402
from contextlib import closing  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

SELECT = "SELECT value FROM turn_secret WHERE realm = ?"
INSERT = "INSERT INTO turn_secret (realm, value) VALUES (?, ?)"
DELETE = "DELETE FROM turn_secret WHERE realm = ? AND value = ?"


def settle(connection, realm, wanted, check):
    """How many come, and how many go."""
    with connection:  # one transaction: coturn never sees neither
        there = {row[0] for row in connection.execute(SELECT, (realm,))}
        new, gone = wanted - there, there - wanted
        if not check:
            connection.executemany(INSERT, [(realm, one) for one in new])
            connection.executemany(DELETE, [(realm, one) for one in gone])
    return len(new), len(gone)


def main():
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "path", "required": True},
            "realm": {"type": "str", "required": True},
            "secrets": {"type": "list", "elements": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        # mode=rw: a database that is made here would be readable by all
        with closing(sqlite3.connect(f"file:{asked['database']}?mode=rw", uri=True, timeout=10)) as connection:
            new, gone = settle(connection, asked["realm"], set(asked["secrets"]), module.check_mode)
    except sqlite3.Error as error:
        module.fail_json(msg=f"{asked['database']}: {error}")
    changed = bool(new or gone)
    module.exit_json(changed=changed, action=[f"secrets: {new} new, {gone} gone"] if changed else [])


if __name__ == "__main__":
    main()
