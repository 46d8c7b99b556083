"""The whole state of a training: which parts it has, and what is refused. With torch: tests/integration/guest."""

import pytest

from mlops_ci.guest import sdk


class Part:
    """Has a state, as a model or an optimiser has."""

    def __init__(self, value):
        self.value = value

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, saved):
        self.value = saved["value"]


@pytest.fixture(autouse=True)
def several(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")


def test_parts_give_their_state_and_values_stay_as_they_are():
    saved = sdk.state(model=Part(3), epoch=2, order=[4, 1])
    assert saved == {"model": {"value": 3}, "epoch": 2, "order": [4, 1]}, "of several processes no random numbers"
    model = Part(0)
    assert sdk.restore(saved, model=model) == {"epoch": 2, "order": [4, 1]}
    assert model.value == 3


def test_a_part_that_was_not_saved_is_named_with_those_that_were():
    with pytest.raises(KeyError, match="the checkpoint has no 'scheduler': it has epoch, model"):
        sdk.restore({"model": {"value": 1}, "epoch": 1}, scheduler=Part(0))


def test_the_name_of_the_random_numbers_is_taken():
    with pytest.raises(ValueError, match="random numbers"):
        sdk.state(**{"random numbers": 1})
