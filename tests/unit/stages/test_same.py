"""A later job must have what was planned."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mlops_ci.stages.same import AnotherRunError, check_same, remember_settings
from support.run_folder import make_run

PLANNED = {"train": {"seed": 0, "params": {"lr": 0.1}}, "image": {"torch": "2.13"}}


@pytest.fixture
def run(tmp_path):
    run = make_run(tmp_path)
    remember_settings(run, SimpleNamespace(effective=PLANNED))
    return run


def check(run, *, commit="c" * 40, config="config", code="code", variant="cpu", engine="host", settings=PLANNED):
    resolution = SimpleNamespace(
        git=SimpleNamespace(commit=commit), config_sha256=config, code_sha256=code, variant=variant
    )
    check_same(run, SimpleNamespace(effective=settings), resolution, engine)


def test_the_same_is_the_same(run):
    check(run)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"commit": "d" * 40}, "the commit ccc"),
        ({"engine": "docker"}, "the engine host, and this is docker"),
        ({"variant": "cu128"}, "the variant cpu"),
        ({"config": "other"}, "another configuration"),
        ({"code": "other"}, "other files"),
    ],
)
def test_each_difference_is_refused(run, change, said):
    with pytest.raises(AnotherRunError, match=said):
        check(run, **change)


def test_the_settings_that_differ_are_named_and_not_their_values(run):
    other = {"train": {"seed": 4711, "params": {"lr": 0.2}}, "image": {"torch": "2.13"}}
    with pytest.raises(AnotherRunError, match=r"train\.params\.lr, train\.seed") as caught:
        check(run, config="other", settings=other)
    assert "4711" not in caught.value.cause
    assert "4711" not in run.path("settings.json").read_text()
