"""A training that goes wrong: its class, its exit code, one clear message, nothing half-done."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from support.cli import call, records
from support.leftovers import of_project
from support.project import CONFIG, TRAIN, make_project

HOST = {"MLOPS_CI_ENGINE": "host"}


@pytest.fixture
def quick(mlflow_server: str) -> dict[str, str]:
    """The host engine with an MLflow server that runs already."""
    return {**HOST, "MLOPS_CI_TRACKING__URI": mlflow_server, "MLOPS_CI_PROJECT__NAME": f"bad-{uuid.uuid4().hex[:8]}"}


CASES = {
    "raises": ("raise ValueError('bad shape')\n", "user-error", 20, "ValueError: bad shape"),
    "exits": ("import sys; sys.exit(7)\n", "user-error", 20, "7"),
    "nan": (
        "from mlops_ci.guest.sdk import log\nlog(step=1, loss=float('nan'))\n",
        "non-finite",
        20,
        "loss",
    ),
    "hangs": ("import time; print('start', flush=True); time.sleep(600)\n", "timeout", 21, "limit of 6 s"),
    "no-model": ("print('nothing saved')\n", "no-model", 20, "model"),
    "pickle": (
        "import pickle\nwith open('outputs/model.pt', 'wb') as file:\n    pickle.dump({1: 2}, file)\n",
        "unsafe-model",
        20,
        "model.pt",
    ),
}

# What a file of pickles holds is looked at by torch.
MORE = {"hangs": {"MLOPS_CI_TRAIN__TIMEOUT": "6s"}, "pickle": {"MLOPS_CI_IMAGE__LAYER": "torch"}}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> Path:
    """A repository with all of them, so that what comes before the training is done once."""
    config = CONFIG.replace("train.py {params.epochs} {params.seconds} {params.rate}", "bad-{params.case}.py")
    config = config.replace("{epochs = 6, seconds = 3.0, rate = 0.4}", '{case = "none"}')
    config = config.replace("gpus = 0", 'gpus = 0\ngrace = "2s"')
    files = {f"bad-{name}.py": script for name, (script, *_) in CASES.items()}
    return make_project(tmp_path_factory.mktemp("bad") / "project", config=config, files=files)


@pytest.mark.parametrize("name", CASES)
def test_a_bad_training_script(scripts, name, quick):
    _, class_, code, told = CASES[name]
    settings = {**quick, **MORE.get(name, {})}
    done = call(scripts, "run", "--set", f"train.params.case='{name}'", environment=settings)
    found = records(scripts)
    assert found["train"]["status"] == "failed", done.said
    assert (found["train"]["error"]["class"], done.exit_code) == (class_, code), done.said
    assert told in found["train"]["error"]["cause"]
    assert found["train"]["error"]["hint"]
    assert "evaluate" not in found
    assert found["report"]["status"] == "passed"
    assert of_project(scripts) == []


KILLS_ITSELF_ONCE = """
    if state["epoch"] == 2 and found is None:
        os.kill(os.getpid(), 9)
"""
WRITES_GARBAGE = 'open(os.environ["MLOPS_METRICS_FILE"], "a").write("garbage\\n")\nheader = json'


def test_killed_once_it_resumes_in_the_same_stage_and_garbage_in_the_metrics_is_a_warning(tmp_path, quick):
    script = TRAIN.replace("header = json", f"{KILLS_ITSELF_ONCE}{WRITES_GARBAGE}", 1)
    project = make_project(tmp_path / "project", files={"train.py": script})
    done = call(project, "run", "train", environment=quick)
    assert done.exit_code == 0, done.said
    train = records(project)["train"]
    assert any("metrics.jsonl" in warning for warning in train["warnings"])
    ends = [(one["class"], one["exit_code"], one["resumed_from"]) for one in train["outputs"]["attempts"]]
    assert ends == [("killed", 20, None), ("ok", 0, 2)]
    assert (train["outputs"]["retries"], train["outputs"]["resumes"]) == (1, 0)


def test_a_floor_that_is_missed_is_exit_1_and_nothing_is_published(tmp_path, quick):
    project = make_project(tmp_path / "project", config=CONFIG.replace("floor = 0.9", "floor = 1.5"))
    done = call(project, "run", environment=quick)
    assert done.exit_code == 1, done.said
    found = records(project)
    assert found["evaluate"]["outputs"]["verdict"] == "reject"
    assert "publish" not in found
    assert not (project / ".mlops" / "store").exists() or not any((project / ".mlops" / "store").rglob("*.json"))


def test_a_check_that_fails_is_exit_20_and_shows_its_output(tmp_path):
    command = "python -c \\\"print('look here'); raise SystemExit(1)\\\""
    project = make_project(
        tmp_path / "project", config=CONFIG.replace("python -m py_compile train.py evaluate.py", command)
    )
    done = call(project, "run", "check", environment=HOST)
    assert done.exit_code == 20, done.said
    assert "look here" in done.stderr


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("", "command"),
        ("[train]\ncomand = 'python train.py'\n", "did you mean `command`"),
        ("[train]\ncommand = 3\n", "command"),
        ("[train\n", "mlops.toml:1"),
        ("[train]\ncommand = 'python train.py {params.lr}'\n", "lr"),
    ],
)
def test_a_bad_configuration_is_exit_2_with_file_and_line(tmp_path, config, told):
    project = make_project(tmp_path / "project", config=config)
    done = call(project, "plan", environment=HOST)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_no_configuration_at_all_points_to_init(tmp_path):
    done = call(tmp_path, "plan", environment=HOST)
    assert done.exit_code == 2
    assert "mlops-ci init" in done.stderr


def test_a_directory_that_cannot_be_written(tmp_path):
    project = make_project(tmp_path / "project")
    (project / ".mlops").write_text("a file where the folder must be")
    done = call(project, "plan", environment=HOST)
    assert done.exit_code == 3
    assert "cannot be written" in done.stderr


def test_mlflow_down_at_the_start(tmp_path):
    project = make_project(tmp_path / "project")
    done = call(project, "run", environment={**HOST, "MLOPS_CI_TRACKING__URI": "http://127.0.0.1:9"})
    assert done.exit_code == 10, done.said
    assert "127.0.0.1:9" in done.stderr
    assert records(project)["train"]["status"] == "failed"
