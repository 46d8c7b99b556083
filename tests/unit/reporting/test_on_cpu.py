"""Whose figures they are: of a processor, or of a GPU, or not yet known."""

from types import SimpleNamespace

import pytest

from mlops_ci.reporting.notices import on_cpu


@pytest.mark.parametrize(
    ("variant", "devices", "cpu"),
    [("cpu", (), True), ("cu130", ("cpu",), True), ("cu130", ("GPU-1",), False), ("cu130", (), False)],
)
def test_a_training_that_failed_before_its_gpu_was_seen_is_not_said_to_be_of_a_cpu(variant, devices, cpu):
    train = SimpleNamespace(devices=devices)
    data = SimpleNamespace(info=SimpleNamespace(variant=variant), outputs=SimpleNamespace(train=train))
    assert on_cpu(data) == cpu
