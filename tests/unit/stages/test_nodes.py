"""Several nodes: refused where they cannot reach each other."""

import pytest

from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages.train import NodesApartError, check_nodes


def settings(**more):
    return TrainSettings(command="python train.py", rendezvous="n0:29400", **more)


@pytest.mark.parametrize(
    ("engine", "more", "why"),
    [
        ("docker", {}, "containers of the engine docker have a network of their own"),
        ("host", {"network": False}, "network = false"),
    ],
)
def test_nodes_that_cannot_meet_are_refused_at_once(engine, more, why):
    with pytest.raises(NodesApartError, match=why) as error:
        check_nodes(settings(nodes=2, **more), engine)
    assert error.value.exit_code == 2
    assert error.value.hint


@pytest.mark.parametrize(("engine", "nodes"), [("host", 2), ("inside", 4), ("docker", 1)])
def test_others_may(engine, nodes):
    check_nodes(settings(nodes=nodes), engine)
