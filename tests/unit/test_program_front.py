"""What stands before the edge, as the program registers it."""

from __future__ import annotations

from socle.graph import Ref, model
from socle.graph.capture import capture
from socle.stack import load_stack
from socle.topology import derive


def test_no_port_of_a_load_balancer_falls_into_the_projects_default_group() -> None:
    loaded = load_stack("demo")
    topology = derive(loaded)
    (balancer,) = capture(loaded, topology).of(model.LOAD_BALANCER)
    assert balancer.get("security_group_ids") == [Ref(f"demo-{front.tier}-group") for front in topology.fronts]
