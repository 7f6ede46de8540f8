"""User data: just enough for the operator's first connection. Everything else is Ansible's."""

from __future__ import annotations

import json


def user_data(hostname: str, domain: str, user: str, public_key: str) -> str:
    """cloud-config text. Holds no secret: anyone on the node can read it."""
    config = {
        "hostname": hostname,
        "fqdn": f"{hostname}.{domain}",
        "manage_etc_hosts": "localhost",
        "disable_root": True,
        "ssh_pwauth": False,
        "users": [
            {
                "name": user,
                "gecos": "Operator",
                "shell": "/bin/bash",
                "groups": ["sudo"],
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "lock_passwd": True,
                "ssh_authorized_keys": [public_key],
            }
        ],
        "ssh_deletekeys": True,
        "ssh_genkeytypes": ["ed25519"],
        # The operator reads the host key from the console, through the cloud, and pins it before connecting.
        "ssh": {"emit_keys_to_console": True},
        "package_update": False,
    }
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"  # JSON is YAML
