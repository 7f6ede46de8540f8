"""What the lab reads of its host."""

from __future__ import annotations

import pytest

from socle.errors import MachineError
from socle.lab.machine import debian_uri

OWN = ["https://mirror.ministry.example/debian/", "https://mirror.ministry.example/debian-security"]


@pytest.mark.parametrize("name", ["debian", "debian-security"])
def test_packages_come_from_the_host_s_own_source(name: str) -> None:
    assert debian_uri(OWN, name) == f"https://mirror.ministry.example/{name}"


def test_a_host_without_a_source_of_debian_is_refused_rather_than_guessed_for() -> None:
    with pytest.raises(MachineError, match="no source of: debian-security") as refused:
        debian_uri(["https://mirror.ministry.example/ubuntu", OWN[0]], "debian-security")
    assert (refused.value.code, refused.value.exit_code) == ("SOC-6014", 7)
