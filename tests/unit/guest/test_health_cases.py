"""Every case of `tests/health`: healthy nodes raise no alarm, faulty ones are found, named, and have a way out."""

from types import SimpleNamespace
from unittest import mock

import pytest

from mlops_ci.guest.health.card import Answer, Card
from mlops_ci.guest.health.load import Watch
from support.health.cases import load
from support.health.run import run_case
from support.health.table import PAGE, computed, line, row

CASES = load()
MODELS = {"V100-SXM2", "T4", "A10G", "L4", "L40S", "A100-PCIe", "A100-SXM", "H100-PCIe", "H100-SXM", "H200", "B200",
          "RTX-3090", "RTX-4090", "RTX-5090"}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.name}")
def test_a_case_comes_out_as_it_says(case):
    result = run_case(case)
    assert line(row(case, result)) in PAGE.read_text(), "python bin/health_cases.py writes the page anew"
    if case.kind == "healthy":
        assert (result.verdict, result.exit_code, result.alarms) == ("healthy", 0, [])
        return
    wanted = case.data["expect"]
    found = result.found(wanted["check"])
    assert found is not None, [check.id for check in result.alarms]
    assert (result.verdict, result.exit_code) == (wanted["verdict"], wanted["exit_code"])
    assert found.status == ("BLOCK" if wanted["verdict"] == "unhealthy" else "WARN")
    assert wanted.get("cause", "") in found.cause
    assert wanted.get("advice", "") in found.advice
    assert found.cause
    assert found.advice


def test_there_are_enough_of_them():
    healthy = [case for case in CASES if case.kind == "healthy"]
    assert len(CASES) - len(healthy) >= 60
    assert len(healthy) >= 15
    assert {case.data["model"] for case in healthy} == MODELS


def test_the_page_has_all_of_them_and_no_other():
    rows = [text for text in PAGE.read_text().splitlines() if text.startswith("| ") and "---" not in text]
    names = [text.split("|")[1].strip() for text in rows]
    assert sorted(name for name in names if name != "case") == sorted([*(case.name for case in CASES), *computed()])


def test_findings_about_a_gpu_name_its_uuid():
    case = next(case for case in CASES if case.name == "remap-pending")
    found = run_case(case).found("remap.pending.cuda:0")
    assert found is not None
    assert found.uuid == "GPU-0a0b1c2d-1111-2222-3333-444455556666"


@pytest.mark.parametrize(("looks", "status"), [(0, "SKIP"), (1, "SKIP"), (4, "SKIP"), (5, "WARN")])
def test_a_slow_link_is_judged_by_enough_looks_or_not_at_all(looks, status):
    """A starved sampling thread sees a link at rest, which is slow to save power."""
    answers = {"nvmlDeviceGetCurrPcieLinkGeneration": Answer(1), "nvmlDeviceGetMaxPcieLinkGeneration": Answer(5)}
    card = Card(binding=SimpleNamespace(), handle=None, limits={})
    with (
        mock.patch.object(Card, "ask", lambda _self, name, *_: answers.get(name, Answer(None, "not told"))),
        mock.patch.object(Card, "field_value", return_value=Answer(None, "not told")),
    ):
        watch = Watch(card)
        for _ in range(looks):
            watch.sample_once()
        found = {check.id: check for check in watch.checks(loaded=True)}
    assert found["pcie.generation"].status == status
