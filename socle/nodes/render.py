"""Every configuration file of a stack, rendered in-process from the templates that Ansible deploys."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from socle import content
from socle.nodes import outputs as program
from socle.nodes import variables
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.tiers import role_of

COMMON_ROLE, VOLUME_ROLE, JOURNAL_ROLE, METRICS_ROLE, IMAGES_ROLE = "base", "volume", "journal", "metrics", "containers"
# What roles find out on the node itself and tell their templates: stand-ins for it.
FOUND = {"clock_steered": True, "interface": "ens3"}


class Placeholder(str):
    """Stands for a value that is not known, or not told, when files are rendered for judgement."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Placeholder({str(self)!r})"


def render(loaded: LoadedStack, topology: Topology) -> dict[tuple[str, str], str]:
    """`{(tier, path): text}` of every file that the roles place, with stand-ins for secrets and addresses.

    A tier's first node stands for all. Raises jinja2.TemplateError when a template uses what does not exist.
    """
    nodes = program.placeholders(topology)
    common = variables.common(loaded, topology, nodes, _public_key(), Placeholder("trust-of-the-cloud\n"))
    common["secrets"] = placeholder_secrets(topology)
    texts: dict[tuple[str, str], str] = {}
    for tier in topology.tiers:
        own = {**common, **variables.of_node(topology, tier.nodes[0], nodes), **FOUND}
        for path, text in node_files(tier.name, own).items():
            texts[tier.name, path] = text
    return texts


def node_files(tier: str, values: Mapping[str, Any]) -> dict[str, str]:
    """`{path: text}` of the files of one node, given all of its variables."""
    found: dict[str, str] = {}
    node, peers = values.get("node", {}), values.get("peers", {})
    shared = [
        COMMON_ROLE,
        *([VOLUME_ROLE] if node.get("mount") else []),
        *([JOURNAL_ROLE] if "logs" in peers else []),
        *([METRICS_ROLE] if "monitoring" in peers else []),
        *([IMAGES_ROLE] if node.get("images") else []),
    ]
    for role in (*shared, role_of(tier)):
        folder = content.folder("playbooks") / "roles" / role
        own = {**values, "serves": _of_tiers(folder, role).get(tier)}
        for entry in _rendering().rendered(_listed(folder, role), folder / "templates", own):
            if "content" in entry:
                found[entry["path"]] = entry["content"]
    return found


def placeholder_secrets(topology: Topology) -> dict[str, Any]:
    def one(name: str, kind: str) -> Any:
        if kind == "certificate":
            return {part: Placeholder(f"{part}-of-{name}\n") for part in ("key", "certificate")}
        if kind == "ssh-key":
            return {part: Placeholder(f"{part}-of-{name}") for part in ("private", "public")}
        if kind == "rotating":
            return {part: Placeholder(f"{part}-of-{name}") for part in ("current", "other", "until")}
        return Placeholder(f"value-of-{name}")

    return {secret.name: one(secret.name, secret.kind) for secret in topology.secrets}


def _public_key() -> Placeholder:
    return Placeholder("ssh-ed25519 public-key")


def _listed(folder: Path, role: str) -> list[dict[str, Any]]:
    """The role's files, every list of its variables whose name ends in `_files`, in order."""
    lists = [value for name, value in _vars(folder).items() if name.startswith(role) and name.endswith("_files")]
    return [entry for one in lists for entry in one]


def _of_tiers(folder: Path, role: str) -> dict[str, Any]:
    """What a role that serves several tiers says of each (`<role>_tiers`), plain values; templates know it as
    `serves`."""
    found: dict[str, Any] = _vars(folder).get(f"{role}_tiers", {})
    return found


@cache  # the common role is read once, not once a tier
def _vars(folder: Path) -> dict[str, Any]:
    """From `vars/main.yml`, or from every file of `vars/main/` as Ansible reads them."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = {}
    for file in sorted((*folder.glob("vars/main.yml"), *folder.glob("vars/main/*.yml"))):
        found |= yaml.load(file.read_bytes(), Loader=loader)  # noqa: S506  both loaders are safe
    return found


@cache
def _rendering() -> Any:
    """The module that the deploying action uses too; playbooks are no package, so it is loaded by its place."""
    file = content.folder("playbooks") / "plugins" / "rendering.py"
    spec = importlib.util.spec_from_file_location("socle_rendering", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
