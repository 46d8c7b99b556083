"""What a GPU model can do: the table, and the formulas for models that it does not know."""

from types import SimpleNamespace

import pytest

from mlops_ci.guest.health.active.data_file import read
from mlops_ci.guest.health.active.reference import (
    Facts,
    bandwidth_floors,
    link_bandwidth,
    peak_bandwidth,
    peak_tflops,
    row_for,
    seen_by_torch,
)

ROWS = read("gpus.json")["gpus"]
NAMES = {
    "Tesla V100-SXM2-32GB": "V100 SXM2",
    "Tesla V100-PCIE-16GB": "V100 PCIe",
    "Tesla T4": "T4",
    "NVIDIA A10": "A10",
    "NVIDIA A10G": "A10G",
    "NVIDIA A100-SXM4-40GB": "A100 40 GB SXM",
    "NVIDIA A100-PCIE-40GB": "A100 40 GB PCIe",
    "NVIDIA A100 80GB PCIe": "A100 80 GB PCIe",
    "NVIDIA A100-SXM4-80GB": "A100 80 GB SXM",
    "NVIDIA L4": "L4",
    "NVIDIA L40S": "L40S",
    "NVIDIA GeForce RTX 3090": "RTX 3090",
    "NVIDIA GeForce RTX 4090": "RTX 4090",
    "NVIDIA GeForce RTX 5090": "RTX 5090",
    "NVIDIA H100 PCIe": "H100 PCIe",
    "NVIDIA H100 80GB HBM3": "H100 SXM",
    "NVIDIA H200": "H200 SXM",
    "NVIDIA H200 NVL": "H200 NVL",
    "NVIDIA GH200 480GB": "GH200 96 GB",
    "NVIDIA B200": "B200 SXM",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_the_formulas_give_the_published_figures(row):
    """SM x FMA x 2 x boost within 1.5 %, 2 x memory clock x bus / 8 within 2.5 % (8 TB/s is a round number)."""
    assert peak_tflops(row) == pytest.approx(row["tflops"], rel=0.015)
    assert peak_bandwidth(row) == pytest.approx(row["bandwidth"], rel=0.025)
    assert row["source"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_card_is_warned_about_before_it_is_blocked(row):
    warn, block = bandwidth_floors(row, warn=0.75, block=0.6)
    assert 0 < block < warn < row["bandwidth"]
    if "dcgm_bandwidth" in row:
        assert block <= row["dcgm_bandwidth"]
    assert 0.3 < row["floor"] < 0.8


@pytest.mark.parametrize(("said", "name"), NAMES.items())
def test_names_that_drivers_say(said, name):
    assert row_for(Facts(said))["name"] == name


def test_a_model_that_no_table_knows_is_computed_and_says_so():
    row = row_for(Facts("NVIDIA H800", "9.0", sm=132, boost_mhz=1980, memory_mhz=2619, bus_bits=5120))
    assert row["derived"]
    assert peak_tflops(row) == pytest.approx(1070, rel=0.01)
    assert peak_bandwidth(row) == pytest.approx(3352, rel=0.001)


def test_a_geforce_is_not_held_to_the_rate_of_its_professional_sister():
    facts = {"capability": "8.9", "sm": 76, "boost_mhz": 2505}
    geforce, sister = row_for(Facts("NVIDIA GeForce RTX 4080", **facts)), row_for(Facts("NVIDIA L40", **facts))
    assert peak_tflops(sister) == pytest.approx(2 * peak_tflops(geforce))


def test_what_cannot_be_computed_is_not_guessed():
    assert row_for(Facts("NVIDIA Unknown")) == {}
    assert row_for(Facts("NVIDIA Unknown", "99.0", sm=10, boost_mhz=1000)) == {}
    assert peak_tflops({"sm": 1}) is None
    assert peak_bandwidth({}) is None
    assert bandwidth_floors({}, warn=0.75, block=0.6) == (None, None)


def test_a_slice_is_held_to_its_own_units_and_to_no_bandwidth():
    row = row_for(Facts("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "8.0", sm=14))
    assert row["derived"]
    assert peak_tflops(row) == pytest.approx(312 * 14 / 108, rel=0.01)
    assert peak_bandwidth(row) is None
    assert row_for(Facts("NVIDIA Unknown MIG 1g.5gb", "9.0", sm=14, boost_mhz=1000)) == {}


def test_torch_knows_the_slice_where_the_driver_names_the_card():
    own = SimpleNamespace(name="NVIDIA A100-SXM4-40GB MIG 2g.10gb", major=8, minor=0, multi_processor_count=28)
    torch = SimpleNamespace(cuda=SimpleNamespace(get_device_properties=lambda _: own))
    facts = Facts("NVIDIA A100-SXM4-40GB", "8.0", boost_mhz=1410)
    seen = seen_by_torch(torch, "cuda:0", facts)
    assert (seen.name, seen.sm, seen.boost_mhz) == (own.name, 28, 1410)
    assert peak_tflops(row_for(seen)) == pytest.approx(312 * 28 / 108, rel=0.01)
    assert seen_by_torch(SimpleNamespace(), "cuda:0", facts) == facts


def test_the_other_kinds_are_multiples_of_the_bf16_rate():
    row = row_for(Facts("NVIDIA H100 80GB HBM3"))
    assert peak_tflops(row, "tf32") == pytest.approx(494.5, rel=0.01)
    assert peak_tflops(row, "fp8") == pytest.approx(1979, rel=0.01)
    assert peak_tflops(row, "fp32") is None
    assert peak_tflops(row, mhz=915) == pytest.approx(peak_tflops(row) / 2)


@pytest.mark.parametrize(
    ("generation", "width", "rate"), [(3, 16, 15.75), (4, 16, 31.5), (5, 16, 63.0), (4, 8, 15.75), (None, 16, None)]
)
def test_a_link(generation, width, rate):
    assert link_bandwidth(generation, width) == (None if rate is None else pytest.approx(rate, rel=0.001))
