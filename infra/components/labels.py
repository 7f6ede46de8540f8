"""What every resource says about itself, so that an inventory of the cloud project reads without Socle."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from socle.stack.load import LoadedStack
from socle.topology.model import mark


@dataclass(frozen=True)
class Labels:
    """`security_need`: the most sensitive of the stack's data classes."""

    stack: str
    release: str
    owner: str
    environment: str
    security_need: str

    @classmethod
    def of(cls, loaded: LoadedStack) -> Labels:
        stack = loaded.stack
        need = stack.data.worst.value
        return cls(loaded.name, loaded.release.version, stack.organisation, stack.environment.value, need)

    def description(self, text: str) -> str:
        """Begins with the mark by which a resource of this stack is known, even one whose creation was cut short."""
        return f"{mark(self.stack)} {text}"

    def metadata(self, tier: str, function: str) -> dict[str, str]:
        """For instances and volumes. `socle_release` is the release the stack asks for, not what runs on the node."""
        return {
            "socle_stack": self.stack,
            "socle_tier": tier,
            "socle_release": self.release,
            **self._inventory(function),
        }

    def tags(self, function: str) -> list[str]:
        """For network resources; Neutron allows neither commas nor slashes in a tag."""
        rows = {"socle": self.stack, **self._inventory(function)}
        return sorted(f"{key}={value}".translate({ord(","): " ", ord("/"): " "}) for key, value in rows.items())

    def headers(self, function: str) -> dict[str, str]:
        """For containers of objects, whose metadata travel as HTTP headers: hyphens, and values URL-encoded."""
        rows = {"socle_stack": self.stack, **self._inventory(function)}
        return {key.replace("_", "-"): quote(value, safe=" ") for key, value in rows.items()}

    def _inventory(self, function: str) -> dict[str, str]:
        return {
            "owner": self.owner,
            "function": function,
            "environment": self.environment,
            "security_need": self.security_need,
        }
