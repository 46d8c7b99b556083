"""What a smoke run watches in the training's process: here with optimisers that only count."""

import json
import types

import pytest

from mlops_ci.guest import importing, sdk
from mlops_ci.guest.smoke import sums, watch
from mlops_ci.guest.smoke.variables import FILE, PATIENCE, STEPS


class Loss:
    """One value, as `backward()` is called on it."""

    def __init__(self, value, size=1):
        self.value, self.size = value, size

    def numel(self):
        return self.size

    def detach(self):
        return self.value


@pytest.fixture(autouse=True)
def plain_sums(monkeypatch):
    monkeypatch.setattr(sums, "of_optimizer", lambda optimizer: (f"p{optimizer.step}", f"m{optimizer.step}"))
    monkeypatch.setattr(sums, "bad_gradients", lambda optimizer: (list(optimizer.bad), 3))


@pytest.fixture
def optimizer():
    return types.SimpleNamespace(step=0, bad=())


@pytest.fixture
def watched(tmp_path):
    def make(steps=3, patience=10, **more):
        return watch.Watch(steps, patience, tmp_path / "smoke.json", **{"writes": True, "several": False, **more})

    return make


def take_step(one, optimizer, *losses):
    for loss in losses:
        one.loss(Loss(loss))
    one.before(optimizer)
    optimizer.step += 1
    one.after(optimizer)


def test_a_script_that_knows_nothing_of_us_ends_after_its_steps(watched, optimizer, tmp_path):
    one = watched(steps=3)
    take_step(one, optimizer, 3.0)
    take_step(one, optimizer, 2.0, 4.0)
    one.loss(Loss(9.0, size=2))
    with pytest.raises(SystemExit) as end:
        take_step(one, optimizer, float("nan"))
    assert end.value.code == 0
    seen = json.loads((tmp_path / "smoke.json").read_text())
    assert seen["losses"] == [3.0, 3.0, None]
    assert (seen["steps"], seen["gradients"]) == (3, 3)
    assert seen["optimizers"] == [{"start": ["p0", "m0"], "after": [["p1", "m1"], ["p2", "m2"], ["p3", "m3"]]}]


def test_one_that_asks_is_told_and_ended_only_when_it_does_not_listen(watched, optimizer):
    one = watched(steps=2)
    assert not one.should_stop()
    take_step(one, optimizer)
    assert not one.should_stop()
    take_step(one, optimizer)
    assert one.should_stop()
    take_step(one, optimizer)
    with pytest.raises(SystemExit):
        take_step(one, optimizer)


def test_who_resumes_gets_time_for_a_first_checkpoint(watched, optimizer):
    one = watched(steps=2, patience=5)
    one.resumes()
    for _ in range(4):
        take_step(one, optimizer)
        assert not one.should_stop()
    one.saved()
    assert one.should_stop()


def test_and_not_more_than_its_patience(watched, optimizer):
    one = watched(steps=2, patience=3)
    one.resumes()
    take_step(one, optimizer)
    take_step(one, optimizer)
    with pytest.raises(SystemExit):
        take_step(one, optimizer)


def test_several_processes_end_at_the_same_step_whoever_saves(watched, optimizer):
    first, second = watched(patience=4, several=True), watched(patience=4, several=True, writes=False)
    other = types.SimpleNamespace(step=0, bad=())
    first.saved()
    for step in range(1, 5):
        for one, stepping in ((first, optimizer), (second, other)):
            one.should_stop()
            take_step(one, stepping)
            assert one.should_stop() == (step == 4)
    assert second.seen["optimizers"] == []


def test_without_an_optimiser_the_questions_are_counted(watched):
    one = watched(steps=2)
    assert [one.should_stop() for _ in range(4)] == [False, False, True, True]


def test_gradients_that_are_not_finite_are_named_the_first_few_of_them(watched, optimizer):
    one = watched(steps=20)
    optimizer.bad = ("parameter 0", "parameter 1")
    for _ in range(4):
        take_step(one, optimizer)
    assert one.seen["bad_gradients"] == [
        "step 1: parameter 0",
        "step 1: parameter 1",
        "step 2: parameter 0",
        "step 2: parameter 1",
        "step 3: parameter 0",
    ]


def test_a_second_optimiser_has_its_own_states_and_is_no_further_step(watched, optimizer):
    one, other = watched(), types.SimpleNamespace(step=10, bad=())
    take_step(one, optimizer)
    take_step(one, other)
    assert one.seen["steps"] == 1
    assert [state["start"] for state in one.seen["optimizers"]] == [["p0", "m0"], ["p10", "m10"]]


def test_a_process_without_the_variables_is_not_watched(monkeypatch):
    monkeypatch.setattr(watch, "_current", {})
    watch.begin({STEPS: "many", PATIENCE: "1", FILE: "x"})
    assert watch.current() is None
    assert sdk.smoke() is None


def test_the_sdk_tells_the_watch_what_it_does(monkeypatch, tmp_path, watched):
    one = watched(steps=1, patience=100)
    monkeypatch.setattr(watch, "_current", {"watch": one})
    monkeypatch.setattr(sdk, "_stop", {"installed": True, "asked": False})
    monkeypatch.setenv("MLOPS_CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    for name, value in ((STEPS, "7"), (PATIENCE, "9"), (FILE, str(tmp_path / "smoke.json"))):
        monkeypatch.setenv(name, value)
    assert sdk.smoke() == 7
    assert sdk.resume() is None
    assert [sdk.should_stop() for _ in range(3)] == [False, False, False]
    sdk.checkpoint(1, b"x")
    assert sdk.should_stop()


def test_an_action_follows_the_import_of_its_module(tmp_path, monkeypatch):
    (tmp_path / "imported_later.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.meta_path", list(__import__("sys").meta_path))
    heard = []
    importing.after_import("imported_later", lambda module: heard.append(module.value))
    assert heard == []
    import imported_later

    assert heard == [1]
    importing.after_import("imported_later", lambda module: heard.append(module.__name__))
    assert heard == [1, "imported_later"]
    assert imported_later.__spec__.origin == str(tmp_path / "imported_later.py")
