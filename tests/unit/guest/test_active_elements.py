"""Wrong elements: their bits, and what their places say."""

import pytest

from mlops_ci.guest.health.active.elements import Wrong, describe, differing_bits, stride


@pytest.mark.parametrize(
    ("kind", "got", "expected", "bits"),
    [
        ("fp32", 1.0, 1.0 + 2**-23, (0,)),
        ("fp32", -3.0, 3.0, (31,)),
        ("fp64", 2.0, 2.0 + 2**-51, (0,)),
        ("bf16", 1.0, 1.0078125, (0,)),
        ("fp16", 1.0, -1.0, (15,)),
        ("int8", 5, 7, (1,)),
        ("fp32", 5.0, 5.0, ()),
        ("fp16", 1e9, 1.0, ()),
    ],
)
def test_bits_that_differ(kind, got, expected, bits):
    assert differing_bits(kind, got, expected) == bits


def test_a_common_distance_is_seen():
    assert stride([7, 39, 71, 135]) == 32
    assert stride([7, 8, 71]) == 1
    assert stride([7, 39]) == 0


def test_places_values_and_bits_are_told():
    text = describe("fp32", [Wrong(17, 42, -113.5, -113.0)], columns=512)
    assert text == "(17, 42): -113.5 instead of -113, bit 16 flipped"


def test_many_are_not_listed_but_counted():
    text = describe("fp32", [Wrong(0, 7 + 32 * step, 1.0, 0.0) for step in range(20)], columns=1024)
    assert text.count("instead of") == 4
    assert text.endswith("and 16 more; all are multiples of 32 elements apart")
