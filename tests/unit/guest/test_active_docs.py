"""The page on the active checks says of each what is in the catalogue and in the limits."""

from pathlib import Path

import pytest

from mlops_ci.guest.health.active.catalogue import CHECKS
from mlops_ci.guest.health.active.context import applies
from mlops_ci.guest.health.active.data_file import read
from mlops_ci.guest.health.active.limits import ROWS

PAGE = (Path(__file__).parents[3] / "docs" / "active-checks.md").read_text()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_each_check_is_explained_with_its_cost(check):
    gpu = f"{check.seconds:g}" if applies(check, gpus=2) else "–"
    cpu = f"{check.cpu_seconds:g}" if applies(check, gpus=0) else "–"
    assert f"| `{check.id}` | {check.level} | {gpu} | {cpu} |" in PAGE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_each_limit_is_explained_with_its_source(row):
    assert f"| `{row['name']}` | {row['value']:g} | {row['unit']} | {row['means']} | {row['source']} |" in PAGE


def test_the_count_of_models():
    assert f"holds {len(read('gpus.json')['gpus'])} models" in PAGE
