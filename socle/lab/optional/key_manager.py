"""Secrets and keys: Barbican. They are encrypted in the database with a key of this lab (no hardware module).
100 MB (PSS, measured).

With it the lab offers a volume type that asks for encryption: Cinder makes the key and says that the volume is
encrypted. Nothing encrypts it: instances share the host's kernel, which has no device mapper for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socle.lab import apis
from socle.lab.configuration import Common, Sections, ini
from socle.lab.optional.group import Group
from socle.lab.services import Record, service, uwsgi
from socle.lab.wiring import Wiring


def files(common: Common) -> dict[str, str]:
    sections: Sections = {
        **common.common("barbican"),
        "DEFAULT": {
            **common.messages,
            "host_href": apis.BY_NAME["barbican"].public(str(common.where.services)),
            "db_auto_create": False,
        },
        "secretstore": {"enabled_secretstore_plugins": "store_crypto"},
        "crypto": {"enabled_crypto_plugins": "simple_crypto"},
        "simple_crypto_plugin": {"kek": common.secrets["secrets_key"]},
        "queue": {"enable": False},
    }
    return {"home/.barbican/barbican.conf": ini(sections)}


def rows() -> list[Record]:
    api = apis.BY_NAME["barbican"]
    return [service(api.name, uwsgi(api), ["mariadb", "memcached", "keystone"], api.local + "/")]


def offer(cloud: Any, where: Wiring, _secrets: Mapping[str, str]) -> None:
    name, storage = where.encrypted_type, cloud.block_storage
    if storage.find_type(name):
        return
    made = storage.create_type(name=name, extra_specs={"volume_backend_name": "lab"})
    storage.create_type_encryption(
        made, provider="luks", cipher="aes-xts-plain64", key_size=256, control_location="front-end"
    )


GROUP = Group("key-manager", files, rows, ("run/barbican",), offer)
