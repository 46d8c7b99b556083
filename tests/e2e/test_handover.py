"""A run over several jobs, each in a clone of its own, as CI systems run it: and what must be refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.cli import call
from support.project import commit, make_project

CI = {"MLOPS_CI_ENGINE": "host", "MLOPS_CI_PROVIDER": "github", "GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ATTEMPT": "1"}


class Pipeline:
    """Clones of one repository, and the folder of their artifacts."""

    def __init__(self, origin: Path, folder: Path) -> None:
        self.origin, self.folder = origin, folder
        self.artifacts = folder / "artifacts"
        self.run_id = ""

    def machine(self, name: str) -> Path:
        clone = self.folder / name
        subprocess.run(["git", "clone", "-q", str(self.origin), str(clone)], check=True)
        return clone

    def job(self, name: str, *stages: str, **environment: str):
        clone = self.machine(name)
        around = {**CI, **environment, **({"MLOPS_CI_RUN": self.run_id} if self.run_id else {})}
        if self.run_id:
            collected = call(clone, "handover", "collect", str(self.artifacts), "--for", name, environment=around)
            if collected.exit_code:
                return collected
        done = call(clone, "run", *stages, "--only", environment=around)
        call(clone, "handover", "pack", str(self.artifacts), "--job", name, environment=around)
        if not self.run_id:
            self.run_id = next((clone / ".mlops" / "runs").iterdir()).name
        return done


@pytest.fixture
def pipeline(project, tmp_path) -> Pipeline:
    return Pipeline(project, tmp_path / "jobs")


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Pipeline:
    """What the job `plan` has handed on."""
    folder = tmp_path_factory.mktemp("plan")
    made = Pipeline(make_project(folder / "project"), folder / "jobs")
    assert made.job("plan", "plan").exit_code == 0
    return made


@pytest.fixture
def planned(plan, tmp_path) -> Pipeline:
    """The same for one test, which may spoil it."""
    for name in ("project", "jobs/artifacts"):
        shutil.copytree(plan.folder.parent / name, tmp_path / name, dirs_exist_ok=True)
    mine = Pipeline(tmp_path / "project", tmp_path / "jobs")
    mine.run_id = plan.run_id
    return mine


def test_a_later_job_refuses_another_commit_configuration_or_engine(planned):
    other = planned.job("build", "build", MLOPS_CI_TRAIN__SEED="7")
    assert other.exit_code == 2
    assert "another configuration: train.seed" in other.said
    shutil.rmtree(planned.folder / "build")
    (planned.origin / "train.py").write_text((planned.origin / "train.py").read_text() + "\n# more\n")
    commit(planned.origin, "second")
    done = planned.job("build", "build")
    assert done.exit_code == 2
    assert "was planned for the commit" in done.said


def test_a_job_without_what_it_needs_says_what_is_missing(planned):
    done = planned.job("scan", "scan")
    assert done.exit_code == 2
    assert "scan needs build, which has left no record" in done.said


def test_a_file_that_was_lost_on_the_way_is_named(planned):
    (path,) = planned.artifacts.rglob("records/plan.json")
    path.unlink()
    done = planned.job("build", "build")
    assert done.exit_code == 2
    assert "records/plan.json is missing" in done.said


def test_a_plan_that_fails_tells_the_pipeline_its_exit_code(pipeline, tmp_path):
    clone = pipeline.machine("plan")
    outputs = tmp_path / "outputs"
    outputs.touch()
    done = call(
        clone, "run", "plan", "--only", environment={**CI, "MLOPS_CI_ENGINE": "", "GITHUB_OUTPUT": str(outputs)}
    )
    assert done.exit_code == 2
    assert "exit-code" in outputs.read_text()
    needs = json.dumps({"plan": {"result": "failure", "outputs": {"exit-code": "2"}}})
    result = pipeline.machine("result")
    ended = call(result, "result", environment={**CI, "MLOPS_CI_NEEDS": needs})
    assert ended.exit_code == 2
    assert "plan failed" in ended.said
