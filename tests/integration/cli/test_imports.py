"""`--help` and `plan` never import what is heavy: asked in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from support.planted_sbom import Planted, write_planted
from support.project import make_project

HELP_MUST_NOT = {"torch", "mlflow", "boto3", "botocore", "docker", "hera", "pydantic", "jinja2", "filelock", "yaml"}
PLAN_MUST_NOT = {"torch", "mlflow", "boto3", "botocore", "docker", "hera", "requests", "yaml", "urllib3", "filelock"}
# What no project without a sweep, a notification or a container engine needs for its plan.
PLAN_ON_A_HOST_MUST_NOT = {"mlops_ci.training", "mlops_ci.tracking", "mlops_ci.notifying", "mlops_ci.publishing"}

SCRIPT = """
import sys, json
from mlops_ci.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print("\\nMODULES " + json.dumps([end.code, sorted({name.split(".")[0] for name in sys.modules} | {
        ".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("mlops_ci.")})]))
"""


def modules(*arguments, cwd=None, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )
    line = next(one for one in done.stdout.splitlines() if one.startswith("MODULES "))
    code, names = json.loads(line.removeprefix("MODULES "))
    return code, set(names), done


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["train", "--help"],
        ["init", "--help"],
        ["artifacts", "gc", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments):
    code, names, done = modules(*arguments)
    assert code == 0, done.stderr
    assert not names & HELP_MUST_NOT


@pytest.mark.parametrize("engine", ["host", "auto"])
def test_plan_imports_nothing_heavy(tmp_path, engine):
    project = make_project(tmp_path / "project")
    environment = {"MLOPS_CI_PROVIDER": "local", "DOCKER_HOST": "unix:///nonexistent.sock"}
    code, names, done = modules("plan", "--engine", engine, cwd=project, **environment)
    assert code == 0, done.stderr
    assert not names & PLAN_MUST_NOT
    assert engine == "auto" or not names & PLAN_ON_A_HOST_MUST_NOT


def test_a_rescan_of_files_loads_no_stage_that_runs(tmp_path):
    path = write_planted(tmp_path / "project" / "image.cdx.json", [Planted(name="bash")])
    code, names, done = modules(
        "rescan", str(path), cwd=make_project(tmp_path / "project"), MLOPS_CI_SCAN__OFFLINE="true"
    )
    assert code == 4, done.stderr
    assert "mlops_ci.scanning" in names
    assert not names & {"mlops_ci.training", "mlops_ci.tracking", "mlops_ci.gates", "mlops_ci.fleet"}


@pytest.mark.parametrize("arguments", [["runs"], ["handover", "pack", "--job", "build", "handed-on"]])
def test_what_only_reads_a_run_loads_no_stage(tmp_path, arguments):
    code, names, done = modules(*arguments, cwd=make_project(tmp_path / "project"))
    assert code == 0, done.stderr
    assert "mlops_ci.commands" in names
    assert "mlops_ci.stages" not in names
