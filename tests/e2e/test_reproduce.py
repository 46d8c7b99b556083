"""`mlops-ci reproduce`: a finished run again from its lineage. One run on the host engine, whose data git ignores."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.cli import Called, call, newest_run
from support.leftovers import of_project
from support.project import CONFIG, TRAIN, commit, make_project

# What the lineage cannot know: something outside of code, data and image that the training listens to.
LISTENING = TRAIN.replace("epochs, seconds", "luck = os.path.exists(sys.argv[4]) * 0.05\nepochs, seconds").replace(
    'error = abs(state["weight"] - mean)', 'error = abs(state["weight"] - mean) + luck'
)
WEIGHT = 'struct.pack("<d", state["weight"])'
STAGES = ("plan", "build", "prepare", "train", "evaluate")


class Place:
    """A project with one finished run."""

    def __init__(self, folder: Path, tracking: str) -> None:
        self.luck = folder / "luck"
        command = 'command = "python train.py {params.epochs} {params.seconds} {params.rate} {params.luck}"'
        config = CONFIG.replace(CONFIG[CONFIG.index('command = "python train') :].splitlines()[0], command)
        train = LISTENING.replace(WEIGHT, 'struct.pack("<d", state["weight"] + luck)')
        ignored = {".gitignore": ".mlops/\ndata/\n", "train.py": train}
        self.project = make_project(folder / "project", config=config, files=ignored)
        self.settings = {
            "MLOPS_CI_ENGINE": "host",
            "DOCKER_HOST": "unix:///nonexistent.sock",
            "MLOPS_CI_TRACKING__URI": tracking,
        }
        sets = {"train.params.seconds": "0.1", "train.params.luck": str(self.luck)}
        options = [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]
        done = self.call("run", *STAGES, "--only", *options)
        assert done.exit_code == 0, done.said
        self.run = newest_run(self.project)

    def call(self, *arguments: str) -> Called:
        return call(self.project, *arguments, environment=self.settings)

    def again(self, wanted: int, *arguments: str) -> dict[str, Any]:
        """The answer as JSON."""
        done = self.call("reproduce", self.run.name, "--json", *arguments)
        assert done.exit_code == wanted, done.said
        answer = json.loads(done.stdout)
        assert answer["exit_code"] == wanted
        return answer

    def records(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.run / "records").rglob("*.json")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str) -> Place:
    """One for all tests of this module."""
    return Place(tmp_path_factory.mktemp("reproduce"), mlflow_server)


def statuses(answer: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["status"] for one in answer["inputs"]}


def test_equal_whatever_has_become_of_the_working_tree(place: Place):
    before = place.records()
    (place.project / "train.py").write_text("raise SystemExit('another commit')\n")
    commit(place.project, "second")

    answer = place.again(0)

    assert answer["verdict"] == "equal"
    assert statuses(answer) == dict.fromkeys(("commit", "config", "data", "image"), "same")
    assert {(one["kind"], one["sameness"]) for one in answer["results"]} == {
        (kind, "equal") for kind in ("image", "data", "model", "metric")
    }
    repeated = place.project / ".mlops" / "runs" / answer["reproduction"]
    assert json.loads((repeated / "reproduction.json").read_text()) == answer
    skipped = {name: json.loads((repeated / "records" / f"{name}.json").read_text()) for name in ("publish", "promote")}
    assert {one["status"] for one in skipped.values()} == {"skipped"}
    assert not (place.project / ".mlops" / "store").exists(), "nothing was published"
    assert place.records() == before
    assert not (place.project / ".mlops" / "reproduce").exists()
    worktrees = subprocess.check_output(["git", "-C", place.project, "worktree", "list"], text=True)
    assert len(worktrees.splitlines()) == 1
    assert of_project(place.project) == []
    assert f"repeats {place.run.name}" in place.call("runs").stdout
    assert f"a reproduction of run {place.run.name}" in place.call("show", answer["reproduction"]).stdout


def test_what_the_lineage_does_not_know_shows_as_a_difference(place: Place):
    place.luck.touch()
    try:
        done = place.call("reproduce", place.run.name)
    finally:
        place.luck.unlink()
    assert done.exit_code == 1, done.said
    assert done.stdout.startswith(f"DIFFERENT: run {place.run.name} again as run ")
    assert "✗ metric closeness: different" in done.stdout
    assert "tolerance 0.001" in done.stdout
    assert "✓ data: equal" in done.stdout


def test_a_changed_seed_is_another_configuration(place: Place):
    path = place.run / "run.json"
    before = path.read_text()
    info = json.loads(before)
    path.write_text(json.dumps({**info, "sets": [*info["sets"], "train.seed=1"]}))
    try:
        answer = place.again(4)
    finally:
        path.write_text(before)
    assert (answer["verdict"], answer["reproduction"]) == ("not-carried-out", None)
    assert statuses(answer) == {"commit": "same", "config": "changed"}
    assert "train.seed" in answer["inputs"][1]["why"]


def test_removed_data_is_said_to_be_gone(place: Place, tmp_path: Path):
    shutil.move(place.project / "data", tmp_path / "data")
    try:
        answer = place.again(4)
    finally:
        shutil.move(tmp_path / "data", place.project / "data")
    assert statuses(answer) == {"commit": "same", "config": "same", "data": "gone", "image": "same"}
    assert answer["why"] == "its data is gone"


def test_a_commit_that_is_gone_and_uncommitted_changes(place: Place):
    path = place.run / "run.json"
    before = path.read_text()
    info = json.loads(before)
    try:
        path.write_text(json.dumps({**info, "lineage": {**info["lineage"], "commit": "d" * 40}}))
        gone = place.again(4)
        path.write_text(json.dumps({**info, "lineage": {**info["lineage"], "dirty": True}}))
        dirty = place.again(4)
    finally:
        path.write_text(before)
    assert statuses(gone) == {"commit": "gone"}
    assert "git fetch origin" in gone["hint"]
    assert "uncommitted changes" in dirty["why"]


def test_the_same_work_goes_on_with_the_original_run_not_with_its_reproduction(place: Place):
    info = json.loads((place.run / "run.json").read_text())
    subprocess.run(["git", "-C", place.project, "checkout", "-q", info["lineage"]["commit"]], check=True)
    options = [word for one in info["sets"] for word in ("--set", one)]
    done = place.call("run", "plan", "--only", "--json", *options)
    assert json.loads(done.stdout)["run"] == place.run.name
