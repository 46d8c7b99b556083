"""The call-backs of the examples, driven by the protocol of the trainers that they are for."""

import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest

from mlops_ci.guest import checkpoints, sdk

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_METRICS_FILE", str(tmp_path / "metrics.jsonl"))
    monkeypatch.setenv("MLOPS_CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("MLOPS_STOP_FILE", str(tmp_path / "stop"))
    monkeypatch.setattr(sdk, "_stop", {"asked": False, "installed": True})
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def load(monkeypatch, name, **modules):
    for module, content in modules.items():
        made = types.ModuleType(module.replace("__", "."))
        made.__dict__.update(content)
        monkeypatch.setitem(sys.modules, made.__name__, made)
    spec = importlib.util.spec_from_file_location(f"{name}_callback", EXAMPLES / name / "callback.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


class Trainer:
    """What the call-back asks of Lightning's Trainer (2.4): `step` takes a step and calls it back."""

    def __init__(self, callback, *, zero=True):
        self.callback, self.is_global_zero, self.global_step = callback, zero, 0
        self.should_stop, self.sanity_checking, self.log_every_n_steps = False, False, 2
        self.logged_metrics, self.callback_metrics = {}, {}
        self.barriers = 0
        self.strategy = types.SimpleNamespace(
            reduce_boolean_decision=lambda decision, **_: decision, barrier=self._barrier
        )

    def _barrier(self):
        self.barriers += 1

    def save_checkpoint(self, path):
        if self.is_global_zero:
            Path(path).write_text(f"state {self.global_step}")

    def step(self, **metrics):
        self.global_step += 1
        self.logged_metrics = metrics
        self.callback.on_train_batch_end(self, None, None, None, 0)


class TestLightning:
    @pytest.fixture
    def callback(self, monkeypatch):
        modules = {"lightning": {}, "lightning__pytorch": {}, "lightning__pytorch__callbacks": {"Callback": object}}
        return load(monkeypatch, "lightning", **modules)

    def test_metrics_and_checkpoints_of_a_training_that_is_resumed(self, run, callback):
        trainer = Trainer(callback.MlopsCallback(every=3))
        assert callback.resume_path() is None
        for step in range(1, 5):
            trainer.step(loss=1 / step)
        assert [(row["step"], row["loss"]) for row in rows(run)] == [(2, 0.5), (4, 0.25)]
        assert checkpoints.entries(run / "checkpoints")[0].step == 3
        trainer.callback_metrics = {"accuracy": 0.9}
        trainer.callback.on_validation_end(trainer, None)
        trainer.callback.on_train_end(trainer, None)
        trainer.callback.on_train_end(trainer, None)
        assert rows(run)[-1]["accuracy"] == 0.9
        assert Path(callback.resume_path()).read_text() == "state 4"
        assert not list((run / "checkpoints").glob("*.part"))

    def test_asked_to_end_it_saves_and_stops(self, run, callback):
        trainer = Trainer(callback.MlopsCallback(every=100))
        trainer.step(loss=1)
        assert not trainer.should_stop
        (run / "stop").touch()
        trainer.step(loss=1)
        assert trainer.should_stop
        assert checkpoints.entries(run / "checkpoints")[0].step == 2

    def test_every_process_takes_part_and_the_first_hands_it_over(self, run, callback, monkeypatch):
        monkeypatch.setenv("RANK", "1")
        other = Trainer(callback.MlopsCallback(every=1), zero=False)
        other.step(loss=1)
        assert other.barriers == 1
        assert checkpoints.entries(run / "checkpoints") == []

    def test_before_the_training_nothing_is_logged(self, run, callback):
        trainer = Trainer(callback.MlopsCallback())
        trainer.sanity_checking = True
        trainer.callback.on_validation_end(trainer, None)
        assert not (run / "metrics.jsonl").exists()


class TestTransformers:
    @pytest.fixture
    def callback(self, monkeypatch):
        return load(monkeypatch, "transformers", transformers={"TrainerCallback": object})

    @pytest.fixture
    def state(self):
        return types.SimpleNamespace(global_step=7, is_world_process_zero=True)

    @pytest.fixture
    def control(self):
        return types.SimpleNamespace(should_save=False, should_training_stop=False)

    def test_numbers_are_logged_and_words_are_not(self, run, callback, state, control):
        callback.MlopsCallback().on_log(None, state, control, logs={"loss": 0.5, "note": "x", "epoch": 1}, model=None)
        assert [(row["step"], row["loss"], row.get("note")) for row in rows(run)] == [(7, 0.5, None)]
        state.is_world_process_zero = False
        callback.MlopsCallback().on_log(None, state, control, logs={"loss": 0.1})
        assert len(rows(run)) == 1

    def test_asked_to_end_it_tells_the_trainer_to_save_and_to_stop(self, run, callback, state, control):
        callback.MlopsCallback().on_step_end(None, state, control)
        assert vars(control) == {"should_save": False, "should_training_stop": False}
        (run / "stop").touch()
        assert callback.MlopsCallback().on_step_end(None, state, control) is control
        assert vars(control) == {"should_save": True, "should_training_stop": True}

    def test_a_folder_of_the_trainers_comes_back_as_it_was(self, run, callback, state, control):
        folder = run / "trainer" / "checkpoint-7"
        (folder / "deep").mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "deep" / "rng.pth").write_bytes(b"noise")
        arguments = types.SimpleNamespace(output_dir=str(run / "trainer"))
        assert callback.resume_folder(run / "resumed") is None
        callback.MlopsCallback().on_save(arguments, state, control)
        found = Path(callback.resume_folder(run / "resumed"))
        assert found.name == "checkpoint-7"
        assert (found / "model.safetensors").read_bytes() == b"weights"
        assert (found / "deep" / "rng.pth").read_bytes() == b"noise"
        state.global_step = 8
        callback.MlopsCallback().on_save(arguments, state, control)
        assert checkpoints.entries(run / "checkpoints")[0].step == 7
