"""Which parameters a sweep tries, what it remembers, and which trials it ends."""

import random

import pytest

from mlops_ci.files import write_json
from mlops_ci.records.sweep import Trial
from mlops_ci.settings.spans import Interval, parse
from mlops_ci.settings.sweep import SweepSettings
from mlops_ci.training.sweep import state
from mlops_ci.training.sweep.optuna_study import OptunaSearch, StudyError, StudyUnreachableError
from mlops_ci.training.sweep.search import Chance, Grid
from mlops_ci.training.sweep.space import space
from mlops_ci.training.sweep.stopping import Values, worse_than_others

RANGES = SweepSettings(method="random", values={"kind": ("a", "b")}, ranges={"lr": "1e-4 to 1e-1 log", "n": "2 to 6"})


def test_a_grid_tries_every_combination_once_the_last_parameter_first():
    grid = Grid(space(SweepSettings(values={"lr": (0.1, 0.01), "deep": (True, False)})))
    assert grid.size == 4
    tried = [grid.ask(number) for number in range(1, 6)]
    assert tried[:3] == [{"lr": 0.1, "deep": True}, {"lr": 0.1, "deep": False}, {"lr": 0.01, "deep": True}]
    assert tried[4] is None


def test_chance_gives_the_same_trial_the_same_parameters_in_any_order():
    drawn = [Chance(space(RANGES), seed=3).ask(number) for number in (5, 1, 5)]
    assert drawn[0] == drawn[2] != drawn[1]
    assert Chance(space(RANGES), seed=4).ask(5) != drawn[0]
    many = [Chance(space(RANGES), seed=0).ask(number) for number in range(1, 400)]
    assert {one["n"] for one in many} == {2, 3, 4, 5, 6}
    assert {one["kind"] for one in many} == {"a", "b"}
    assert all(1e-4 <= one["lr"] <= 1e-1 for one in many)
    # An even spread over three orders of magnitude: a third of them in each.
    assert 90 < sum(one["lr"] < 1e-3 for one in many) < 180


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("2 to 8", Interval(low=2, high=8, whole=True)),
        ("0 to 0.5 step 0.1", Interval(low=0, high=0.5, step=0.1)),
        (" 16 to 256 log ", Interval(low=16, high=256, log=True, whole=True)),
        ("-3 to 4.5", Interval(low=-3, high=4.5)),
    ],
)
def test_ranges_as_people_write_them(text, interval):
    assert parse(text) == interval
    noise = random.Random(1)
    assert all(interval.low <= interval.draw(noise) <= interval.high for _ in range(200))
    if interval.whole:
        assert isinstance(interval.draw(noise), int)


@pytest.mark.parametrize("text", ["8 to 2", "2", "0 to 1 log", "1 to 2 step 5", "a to b", "1 to 2 step 1 log"])
def test_ranges_with_nothing_in_them(text):
    with pytest.raises(ValueError):
        parse(text)


def test_the_values_of_a_step_reach_both_ends():
    drawn = {parse("0 to 1 step 0.25").draw(random.Random(number)) for number in range(100)}
    assert drawn == {0.0, 0.25, 0.5, 0.75, 1.0}


class TestMedian:
    RULE = SweepSettings(stop="median", stop_after=2, stop_trials=2)
    OTHERS = ((1.0, 0.5, 0.4), (0.9, 0.8), (5.0,))

    def test_one_that_does_worse_is_ended_and_told_why(self):
        why = worse_than_others(self.RULE, "min", (2.0, 0.9), self.OTHERS)
        assert why == "its best of 2 values, 0.9, is worse than the median of 2 others, 0.65"

    @pytest.mark.parametrize("mine", [(2.0, 0.6), (0.65, 9.0), (9.0,)])
    def test_a_better_one_and_one_that_has_only_begun_go_on(self, mine):
        assert worse_than_others(self.RULE, "min", mine, self.OTHERS) is None

    def test_more_may_be_better(self):
        assert worse_than_others(self.RULE, "max", (0.1, 0.2), self.OTHERS) is not None
        assert worse_than_others(self.RULE, "max", (0.1, 3.0), self.OTHERS) is None

    def test_without_enough_others_or_without_the_rule_nobody_is_ended(self):
        assert worse_than_others(self.RULE, "min", (9.0, 9.0), self.OTHERS[:1]) is None
        assert worse_than_others(SweepSettings(), "min", (9.0,) * 9, self.OTHERS * 9) is None


def test_values_are_read_while_they_are_written_and_anew_after_a_resume(tmp_path):
    path = tmp_path / "metrics.jsonl"
    values = Values(path, "loss")
    assert values.read() == []
    path.write_text('{"step": 1, "loss": 2}\n{"step": 1, "x": 1}\n{"step": 2, "lo')
    assert values.read() == [2.0]
    path.write_text('{"step": 1, "loss": 2}\n{"step": 1, "x": 1}\n{"step": 2, "loss": 1}\n')
    assert values.read() == [2.0, 1.0]
    path.write_text('{"step": 1, "loss": 7}\n')
    assert values.read() == [7.0]


def trial(number, value, status="finished"):
    return Trial(number=number, params={"lr": 0.1}, status=status, value=value)


def test_the_best_is_a_finished_one_and_of_equals_the_first():
    trials = [trial(1, 0.5), trial(2, 0.2), trial(3, 0.2), trial(4, 0.1, "stopped"), trial(5, None, "failed")]
    assert state.best_of(trials, "min").number == 2
    assert state.best_of(trials, "max").number == 1
    assert state.best_of(trials[3:], "min") is None


def test_what_is_known_of_a_trial_is_kept_and_garbage_is_nothing(tmp_path):
    assert state.read(tmp_path) is None
    kept = state.TrialState(number=3, params={"lr": 0.1, "deep": True}, trial=trial(3, 0.25), done=state.Done())
    state.write(tmp_path / "3", kept)
    assert state.read(tmp_path / "3") == kept
    write_json(tmp_path / "3" / "trial.json", {"schema": "another"})
    assert state.read(tmp_path / "3") is None


class TestOptuna:
    @pytest.fixture
    def make(self, tmp_path):
        rule = SweepSettings(
            method="optuna", values={"kind": ("a", "b")}, ranges={"lr": "1e-4 to 1 log", "n": "1 to 9"}
        )

        def search(goal="min", run="r-1", storage=None):
            storage = storage or str(tmp_path / "s" / "study.journal")
            return OptunaSearch(space(rule), storage=storage, name="digits", run=run, goal=goal, seed=0)

        return search

    def test_a_trial_that_was_asked_for_is_the_same_one_again(self, make):
        first = make().ask(1)
        assert set(first) == {"kind", "lr", "n"}
        assert isinstance(first["n"], int)
        again = make()
        assert again.ask(1) == first
        again.tell(1, 0.5)
        again.tell(1, 0.7)
        assert make().ask(1) == first
        again.tell(2, None)

    def test_another_run_goes_on_with_the_same_study_and_trials_of_its_own(self, make):
        for number in (1, 2):
            make().ask(number)
            make().tell(number, None if number == 2 else 1.0)
        other = make(run="r-2")
        other.ask(1)
        study = other._study
        assert [one.state.name for one in study.get_trials()] == ["COMPLETE", "FAIL", "RUNNING"]
        assert study.best_value == 1.0

    def test_a_study_with_another_goal_is_refused(self, make):
        make()
        with pytest.raises(StudyError, match="minimize") as error:
            make(goal="max")
        assert error.value.exit_code == 2

    def test_a_storage_that_does_not_answer_is_infrastructure_and_shows_no_password(self, make, tmp_path):
        with pytest.raises(StudyUnreachableError) as error:
            make(storage=f"nosuchdatabase://me:hunter2@{tmp_path}/x")
        assert "hunter2" not in error.value.cause
