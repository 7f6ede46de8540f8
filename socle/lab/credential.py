"""The operator's application credential: of a plain user in a plain project, restricted, and it ends.

It is made in the user's own name, since nobody else can, and kept with the day it ends. `socle lab up` makes the next
one while the last is still good for some weeks; that one stays until it ends, for whoever works with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from socle.files import write_file
from socle.lab import access, seed, wiring
from socle.lab.wiring import Wiring

LIFE = timedelta(days=90)
RENEWED_WITHIN = timedelta(days=30)
# `reader` is part of `member`. Octavia and Barbican ask for a role of their own; no stack of theirs need run for that.
ROLES = ("member", "load-balancer_member", "creator")


@dataclass(frozen=True)
class Credential:
    id: str
    secret: str
    ends: datetime


def known() -> Credential | None:
    try:
        found = json.loads(wiring.CREDENTIAL.read_text())
    except FileNotFoundError:
        return None
    return Credential(found["id"], found["secret"], datetime.fromisoformat(found["ends"]))


def is_due(credential: Credential | None, now: datetime) -> bool:
    return credential is None or credential.ends - now < RENEWED_WITHIN


def make(where: Wiring, secrets: Mapping[str, str], now: datetime) -> Credential:
    """A new one, signed in with the user's password; those that ended are removed."""
    password, project = secrets["operator"], where.project
    with seed.connect(where, password, access.CERTIFICATE, user=project, project=project) as cloud:
        identity, user = cloud.identity, cloud.current_user_id
        for old in identity.application_credentials(user):
            if old.expires_at and datetime.fromisoformat(old.expires_at).replace(tzinfo=UTC) < now:
                identity.delete_application_credential(user, old)
        ends = now + LIFE
        made = identity.create_application_credential(
            user,
            name=f"socle {now:%Y-%m-%d %H:%M:%S}",
            description="Socle's own, for the stacks of this project",
            roles=[{"name": role} for role in ROLES],
            unrestricted=False,
            expires_at=ends.strftime("%Y-%m-%dT%H:%M:%S"),
        )
        return Credential(made.id, made.secret, ends)


def ensure(where: Wiring, secrets: Mapping[str, str]) -> Credential:
    now = datetime.now(UTC)
    credential = known()
    if credential is None or is_due(credential, now):
        credential = make(where, secrets, now)
        kept = {"id": credential.id, "secret": credential.secret, "ends": credential.ends.isoformat()}
        write_file(wiring.CREDENTIAL, json.dumps(kept))
    return credential
