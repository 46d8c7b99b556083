"""What a training script calls, inside of a run and outside."""

import json
import os
import signal
import threading

import pytest

from mlops_ci.guest import sdk


@pytest.fixture(autouse=True)
def fresh():
    sdk._counts.clear()
    sdk._continued.clear()
    sdk._stop.update(asked=False, installed=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_RUN_ID", "r")
    monkeypatch.setenv("MLOPS_METRICS_FILE", str(tmp_path / "metrics.jsonl"))
    monkeypatch.setenv("MLOPS_CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("MLOPS_STOP_FILE", str(tmp_path / "stop"))
    monkeypatch.setenv("MLOPS_PARAMS", '{"lr": 0.1}')
    return tmp_path


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


class TestInARun:
    def test_log(self, run):
        sdk.log(step=3, loss=1)
        sdk.log(loss=0.5, accuracy=0.25)
        sdk.log(accuracy=0.5)
        sdk.log()
        assert [(row["step"], row.get("loss"), row.get("accuracy")) for row in rows(run)] == [
            (3, 1.0, None),
            (2, 0.5, 0.25),
            (2, None, 0.5),
        ]

    def test_without_a_step_a_resumed_training_goes_on_counting(self, run):
        """Else its curve would begin again at 1, over the points of before."""
        (run / "metrics.jsonl").write_text('{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n{"f1": 1}\n')
        sdk.log(loss=1.5)
        sdk.log(f1=0.5, loss=1)
        assert [row.get("step") for row in rows(run)] == [1, 2, None, 3, 4]

    def test_log_refuses_what_is_no_number(self, run):
        with pytest.raises(ValueError):
            sdk.log(loss="high")
        with pytest.raises(TypeError):
            sdk.log(loss=None)
        assert not (run / "metrics.jsonl").exists()

    def test_only_the_first_rank_writes(self, run, monkeypatch):
        monkeypatch.setenv("RANK", "1")
        sdk.log(loss=1)
        assert sdk.checkpoint(1, b"x") is None
        assert not (run / "metrics.jsonl").exists()

    def test_checkpoint_and_resume(self, run):
        assert sdk.resume() is None
        assert json.loads((run / "resumed.json").read_text()) == {"step": None, "warnings": []}
        sdk.checkpoint(1, b"one")
        path = sdk.checkpoint(2, lambda place: place.write_bytes(b"two"))
        saved = sdk.resume()
        assert (saved.step, saved.path, saved.read_bytes()) == (2, path, b"two")
        assert json.loads((run / "resumed.json").read_text())["step"] == 2

    def test_a_damaged_checkpoint(self, run, capsys):
        sdk.checkpoint(1, b"one")
        sdk.checkpoint(2, b"two").write_bytes(b"TWO")
        assert sdk.resume().step == 1
        assert "of step 2 was not used" in capsys.readouterr().err
        assert "of step 2 was not used" in json.loads((run / "resumed.json").read_text())["warnings"][0]

    def test_the_stop_file(self, run):
        assert not sdk.should_stop()
        (run / "stop").write_text("terminated\n")
        assert sdk.should_stop()

    def test_sigterm(self, run):
        assert not sdk.should_stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert sdk.should_stop()

    def test_a_handler_of_the_script_itself_stays(self, run):
        seen = []
        signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
        assert not sdk.should_stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [1]

    def test_another_thread_may_ask(self, run):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(sdk.should_stop()))
        thread.start()
        thread.join()
        assert answers == [False]

    def test_parameters(self, run):
        assert sdk.params() == {"lr": 0.1}


class TestOutsideOfARun:
    def test_the_script_runs_all_the_same(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        sdk.log(loss=0.5, accuracy=1)
        assert capsys.readouterr().out == "step 1 loss=0.5 accuracy=1\n"
        assert sdk.checkpoint(1, b"x") is None
        assert sdk.resume() is None
        assert not sdk.should_stop()
        assert sdk.params() == {}
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert list(tmp_path.iterdir()) == []
        assert sdk.output_dir().name == "outputs"
