"""The very files of the recipes, run: the lines of the crontab, and the health hook of a runner."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support.cli import records
from support.project import CONFIG, commit, make_project

EXAMPLES = Path(__file__).parents[2] / "examples"
LIMIT = 300
NIGHTLY = '\n[nightly]\nschedule = "17 2 * * *"\n'


def tool(folder: Path) -> Path:
    """A folder for PATH with our command in it, as an installation has."""
    folder.mkdir()
    command = folder / "mlops-ci"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m mlops_ci "$@"\n')
    command.chmod(0o755)
    return folder


def shell(command: str, environment: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )


def of_this_machine() -> dict[str, str]:
    """Where pip finds its configuration, and which authorities it trusts: cron's users have that in their files."""
    names = ("HOME", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    return {name: os.environ[name] for name in names if name in os.environ}


def crontab(project: Path, path: Path, **more: str) -> tuple[dict[str, str], list[str]]:
    """The environment that cron gives, and the commands of the lines, for this machine's paths and engine."""
    text = (EXAMPLES / "crontab" / "crontab").read_text()
    text = text.replace("/srv/model", str(project)).replace("/opt/mlops-ci/bin", str(path))
    variables = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    lines = [line.split(maxsplit=5)[5] for line in text.splitlines() if re.match(r"[\d*]", line)]
    return {**of_this_machine(), "LOGNAME": "trainer", **variables, **more}, lines


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The repository, and its clone on the machine where cron starts the nights."""
    origin = make_project(tmp_path / "origin", config=CONFIG + NIGHTLY)
    subprocess.run(["git", "clone", "--quiet", str(origin), str(tmp_path / "model")], check=True)
    shutil.copy2(EXAMPLES / "crontab" / "night.sh", tmp_path / "model" / "night.sh")
    (tmp_path / "model" / ".git" / "info" / "exclude").write_text("night.sh\n")
    return tmp_path / "model"


def test_the_lines_of_the_crontab(
    checkout: Path, tmp_path: Path, scanned: dict[str, str], shared_cache: Path, mlflow_server: str
):
    more = {"MLOPS_CI_TRAIN__PARAMS__SECONDS": "0.1", "MLOPS_CI_CACHE": str(shared_cache), "MLOPS_CI_PAUSE": "0"}
    tracked = {"MLOPS_CI_TRACKING__URI": mlflow_server, "MLOPS_CI_PROJECT__NAME": f"nights-{secrets.token_hex(4)}"}
    environment, (night, watch) = crontab(checkout, tool(tmp_path / "bin"), **more, **tracked, **scanned)
    environment["MLOPS_CI_ENGINE"] = "host"
    home = tmp_path

    assert "no night" in shell(watch, environment, home).stdout, "before the first one"
    first = shell(night, environment, home)
    assert (first.returncode, first.stdout, first.stderr) == (0, "", ""), "a good night sends no mail"
    assert records(checkout)["promote"]["outputs"]["to"] == "1"
    watched = shell(watch, environment, home)
    assert (watched.returncode, watched.stdout) == (0, "")

    second = shell(night, environment, home)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert records(checkout)["train"]["status"] == "skipped"
    assert len(list((checkout / ".mlops" / "nights").glob("*.log"))) == 2

    (tmp_path / "origin" / "train.py").write_text("raise SystemExit('broken')\n")
    commit(tmp_path / "origin", "a mistake")
    third = shell(night, environment, home)
    assert third.returncode == 20
    assert "the night failed with exit code 20" in third.stderr
    assert "broken" in third.stderr, "the mail has the end of the log"
    assert "no night" in shell(watch, environment, home).stdout

    shutil.rmtree(tmp_path / "origin")
    fourth = shell(night, environment, home)
    assert fourth.returncode == 10, "no remote is infrastructure: tried twice"
    holder = subprocess.Popen(["flock", str(checkout / ".mlops" / "nights" / "lock"), "sleep", "60"])
    try:
        for _ in range(100):
            fifth = shell(night, environment, home)
            if "still runs" in fifth.stderr:
                break
    finally:
        holder.terminate()
        holder.wait()
    assert (fifth.returncode, "the last night still runs" in fifth.stderr) == (10, True)


def jenkinsfile(**values: str) -> tuple[dict[str, str], list[str]]:
    """The environment that the file sets, what Jenkins fills in given as `values`, and what its steps hand to a shell.

    The stage that installs the tool is left out: the test brings it along.
    """
    text = re.sub(r"^\s*//.*$", "", (EXAMPLES / "jenkins" / "Jenkinsfile").read_text(), flags=re.MULTILINE)
    block = text.partition("environment {")[2].partition("\n    }")[0]
    variables = dict(re.findall(r"^\s*([A-Z_]+) = '([^']*)'$", block, re.MULTILINE))
    filled = dict(re.findall(r'^\s*([A-Z_]+) = "(.*)"$', block, re.MULTILINE))
    assert set(filled) == {*values, "PATH"}, "what Jenkins fills in"
    for name, value in values.items():
        assert f"'{value}'" in filled[name], "one of the words that the file itself has"
    steps = re.findall(r"\bsh '([^']+)'", text)
    return {**variables, **values}, [one for one in steps if one.startswith("mlops-ci ")]


def test_the_steps_of_the_jenkinsfile(
    checkout: Path, tmp_path: Path, scanned: dict[str, str], shared_cache: Path, mlflow_server: str
):
    """Each as Jenkins' `sh` runs it, one after the other in one workspace: for what is merged."""
    variables, steps = jenkinsfile(MLOPS_CI_MODE="main", MLOPS_CI_DRY_RUN="false")
    assert len(steps) == 4
    environment = {
        **of_this_machine(),
        **variables,
        **scanned,
        "PATH": f"{tool(tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}",
        "MLOPS_CI_ENGINE": "host",
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_TRAIN__PARAMS__SECONDS": "0.1",
        "MLOPS_CI_VERIFY__LEVEL": "static",
        "MLOPS_CI_TRACKING__URI": mlflow_server,
        "MLOPS_CI_PROJECT__NAME": f"jenkins-{secrets.token_hex(4)}",
        "MLOPS_CI_PUBLISH__STORE": str(tmp_path / "store"),
    }
    for step in steps:
        done = shell(f"set -xe; {step}", environment, checkout)
        assert done.returncode == 0, (step, done.stdout + done.stderr)
    found = records(checkout)
    assert len({one["run"] for one in found.values()}) == 1, "three calls are one run"
    assert {name: one["status"] for name, one in found.items()} == {
        **dict.fromkeys(pipeline.NAMES, "passed"),
        "deploy": "skipped",
    }
    assert found["promote"]["outputs"]["to"] == "1"
    assert (checkout / ".mlops" / "jenkins" / "junit.xml").is_file()


def test_the_health_hook_lets_a_job_begin_only_on_a_node_that_may_train(tmp_path: Path, shared_cache: Path):
    folder = tmp_path / "mlops-ci-runner"
    shutil.copytree(EXAMPLES / "runner", folder)
    environment = {
        # As the runner starts it for a job, whose own variables must steer nothing.
        "GITHUB_ACTIONS": "true",
        "CI": "true",
        "MLOPS_CI_ENGINE": "docker",
        "MLOPS_CI_MODE": "nightly",
        **of_this_machine(),
        "PATH": f"{tool(tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}",
        "MLOPS_CI_RUNNER_FOLDER": str(folder),
        "MLOPS_CI_RUNNER_ENGINE": "host",
        "MLOPS_CI_RUNNER_CACHE": str(shared_cache),
    }
    demands = (folder / "mlops.toml").read_text()
    modest = demands.replace("gpus = 1", "gpus = 0").replace('fail-on = "degraded"', 'fail-on = "unhealthy"')
    (folder / "mlops.toml").write_text(modest)

    prepared = shell(f"{folder}/job-started.sh prepare", environment, tmp_path)
    assert prepared.returncode == 0, prepared.stderr
    started = shell(f"{folder}/job-started.sh", environment, tmp_path)
    assert started.returncode == 0, started.stderr
    found = records(folder)["verify"]
    assert (found["attempt"], found["status"]) == (2, "passed"), "it is asked anew for each job"

    (folder / "mlops.toml").write_text(demands)
    refused = shell(f"{folder}/job-started.sh", environment, tmp_path)
    assert refused.returncode not in (0, 1, 2, 70), refused.stderr
    assert "::error title=this node may not train::" in refused.stderr
    refusal = records(folder)["verify"]
    assert (refusal["status"], refusal["outputs"]["verdict"]) == ("failed", "unhealthy")
    assert any(one["status"] == "BLOCK" and one["advice"] for one in refusal["outputs"]["checks"])
