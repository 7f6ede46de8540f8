#!/usr/bin/python
"""Uses a PostgreSQL of several nodes as a client does: libpq finds the one that takes writes."""

from __future__ import annotations

DOCUMENTATION = """
module: database_client
short_description: Writes a row and reads it back as a client does, and sees that nobody is served in clear
description:
  - All addresses are given to libpq, which takes the first node that may be written to; its certificate is verified.
  - A connection to C(here) without TLS must be refused.
options:
  nodes:
    description: Addresses of all nodes.
    type: list
    elements: str
    required: true
  here:
    description: The node that must refuse a connection in clear.
    type: str
    required: true
  port:
    description: Port of all of them.
    type: int
    required: true
  database:
    description: The database; it is the user's own.
    type: str
    required: true
  username:
    description: The user.
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
author: Socle
"""

EXAMPLES = """
- name: "See that a row is taken."
  database_client:
    nodes: [192.0.2.10, 192.0.2.11, 192.0.2.12]
    here: 192.0.2.10
    port: 5432
    database: probe
    username: probe
    password: "{{ secrets.database_probe_password }}"
    ca: /etc/patroni/tls/ca.pem
"""

RETURN = """
leader:
  description: The address of the node that took the row.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

PATIENCE = 5  # seconds for a connection


class Refused(Exception):
    """What a client would not get."""


def settings(given, hosts, **more):
    """libpq's own words for a connection."""
    return {
        "host": ",".join(hosts),
        "port": given["port"],
        "dbname": given["database"],
        "user": given["username"],
        "password": given["password"],
        "sslrootcert": given["ca"],
        "connect_timeout": PATIENCE,
        "application_name": "socle",
        **more,
    }


def not_refused_in_clear(reason):
    """What is wrong with the answer to a connection without TLS; '' when PostgreSQL itself refused it for that."""
    if reason is None:
        return "PostgreSQL serves a connection in clear"
    return "" if "no encryption" in reason else f"a connection in clear fails, and not for being in clear: {reason}"


def row_taken(driver, given):
    """The address of the node that took a row. Raises Refused."""
    named = settings(given, given["nodes"], target_session_attrs="read-write", sslmode="verify-full")
    try:
        channel = driver.connect(**named)
        try:
            with channel, channel.cursor() as cursor:
                cursor.execute("create table if not exists seen (node text primary key, at timestamptz not null)")
                cursor.execute(
                    "insert into seen values (%s, now())"
                    " on conflict (node) do update set at = excluded.at returning at",
                    (given["here"],),
                )
                written = cursor.fetchone()[0]
            with channel, channel.cursor() as cursor:
                cursor.execute("select at, host(inet_server_addr()) from seen where node = %s", (given["here"],))
                at, leader = cursor.fetchone()
        finally:
            channel.close()
    except driver.Error as error:
        raise Refused(f"no node takes a row: {str(error).strip()}") from None
    if at != written:
        raise Refused(f"the row that was written is not the one that is read on {leader}")
    return leader


def clear_answer(driver, given):
    """Why a connection without TLS is refused; None when it is not."""
    try:
        driver.connect(**settings(given, [given["here"]], sslmode="disable")).close()
    except driver.OperationalError as error:
        return str(error).strip()
    return None


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "here": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "database": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "ca": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        import psycopg2
    except ImportError:
        module.fail_json(msg="python3-psycopg2 is not installed")
    try:
        leader = row_taken(psycopg2, module.params)
        problem = not_refused_in_clear(clear_answer(psycopg2, module.params))
    except Refused as error:
        module.fail_json(msg=str(error))
    if problem:
        module.fail_json(msg=problem)
    module.exit_json(changed=False, leader=leader)


if __name__ == "__main__":
    main()
