"""What every resource says about itself, so that an inventory of the cloud project reads without Socle."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from socle.stack.load import LoadedStack
from socle.stack.model import Sensitivity

_RANK = list(Sensitivity)  # from public to restricted


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
        data = loaded.stack.data
        worst = max(data.classes.values(), key=_RANK.index)
        stack = loaded.stack
        return cls(loaded.name, loaded.release.version, stack.organisation, stack.environment.value, worst.value)

    def description(self, text: str) -> str:
        """Begins with the mark by which a resource of this stack is known, even one whose creation was cut short."""
        return f"socle:{self.stack} {text}"

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
