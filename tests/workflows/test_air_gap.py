"""Exported here, imported where there is no network but loopback and nothing is cached: the whole workflow runs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_ci import pipeline
from mlops_ci.config.load import load
from mlops_ci.console import Console, NullSink
from mlops_ci.images import lockfile
from mlops_ci.mirroring import export, wanted
from mlops_ci.resources import bundle as shipped
from support import act, isolated
from support.cli import clean_environment
from support.isolated import run
from support.oci_server import OciServer
from support.project import WITH_TORCH, make_project

# What the tool itself imports: its extras are a hundred wheels, of the same kind.
CORE = frozenset(
    [
        "annotated-types",
        "click",
        "jinja2",
        "markupsafe",
        "nvidia-ml-py",
        "packaging",
        "pydantic",
        "pydantic-core",
        "typing-extensions",
        "typing-inspection",
        "urllib3",
    ]
)
LAYERS = ("base", "torch", "requirements")
# No tracking server is named, and each job of a CI system starts anew: there is no champion to hold a model against.
STATUSES = {**dict.fromkeys(pipeline.NAMES, "passed"), "promote": "skipped", "deploy": "skipped"}
MLOPS = (sys.executable, "-m", "mlops_ci")
# One requirement of the user's own beside the locks; the layer of MLflow's client is not needed by this training.
SMALL = WITH_TORCH.replace("seconds = 3.0", "seconds = 0.3") + 'layer = "torch"\nrequirements = "requirements.txt"\n'


def without_pip_sources(**more: str) -> dict[str, str]:
    """A machine whose pip knows no index and no folder, and which never ran us."""
    environment = {name: value for name, value in clean_environment().items() if not name.startswith("PIP_")}
    environment.pop("MLOPS_CI_CACHE", None)
    return {**environment, "PIP_CONFIG_FILE": os.devnull, "DOCKER_HOST": "unix:///nonexistent.sock", **more}


@pytest.fixture
def alone() -> tuple[str, ...]:
    """What runs a command with loopback alone; first of all, since a machine that cannot do that need not export."""
    return isolated.alone()


@pytest.fixture
def exported(tmp_path: Path, alone: tuple[str, ...], database: OciServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive of a small project, and the project itself beside it. Of the tool's extras it has none."""
    lock = tmp_path / "requirements" / "tool.lock"
    lock.parent.mkdir()
    lock.write_text(
        "".join(pin.text for pin in lockfile.read(shipped("requirements") / "tool.lock") if pin.name in CORE)
    )
    for module in (export, wanted):
        monkeypatch.setattr(module, "bundle", lambda _: lock.parent)
    project = make_project(tmp_path / "project", config=SMALL, files={"requirements.txt": "tabulate\n"})
    here = {"MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository}
    settings = load(None, cwd=project, mode=None, environ=here, sets=(), flags={})
    console = Console(sink=NullSink())
    asked = wanted.Wanted(settings=settings, engine="host", cache=tmp_path / "cache", console=console)
    done = export.export(asked, tmp_path / "site.tar", without=("actions",))
    assert done.bytes == done.file.stat().st_size
    assert not (tmp_path / "site.tar.parts").exists()
    return done.file


def test_the_whole_workflow_without_a_network(
    tmp_path: Path, exported: Path, alone: tuple[str, ...], program: Path, bundle: Path
) -> None:
    site = tmp_path / "site"
    subprocess.run(["git", "clone", "--quiet", "--origin", "copied", tmp_path / "project", site], check=True)
    # The runner's own folder, which every job on it finds again.
    cache = {"MLOPS_CI_CACHE": str(tmp_path / "cache-of-the-runner")}
    environment = without_pip_sources(HOME=str(tmp_path / "home"), **cache)
    words = ["mirror", "import", exported, "--to", tmp_path / "mirror"]
    first = run([*alone, *MLOPS, *words], cwd=site, environment=environment)
    assert "every checksum is right" in first.stderr
    again = run([*alone, *MLOPS, *words], cwd=site, environment=environment)
    assert "is complete already" in again.stderr
    assert again.stdout == first.stdout

    lines = [shlex.split(line)[1] for line in (tmp_path / "mirror" / "mirror.env").read_text().splitlines()]
    # Searching PyTorch for secrets takes long, and needs no network anywhere.
    settings = {"PIP_CONFIG_FILE": os.devnull, "MLOPS_CI_SCAN__SECRETS": "false", **cache}
    settings |= dict(line.split("=", 1) for line in lines)
    done = act.act(
        program,
        act.make_consumer(site, act.EXAMPLE.read_text().rstrip() + "\n" + act.AFTER),
        bundle,
        tmp_path / "act",
        environment=settings,
        variables={"MLOPS_CI_ENGINE": "host"},
        alone=alone,
    )
    assert done.exit_code == 0, done.log[-8000:]
    found = done.records()
    assert {name: one["status"] for name, one in found.items()} == STATUSES
    built = found["build"]["outputs"]["images"]
    assert {name: one["built"] for name, one in built.items()} == dict.fromkeys(LAYERS, True)
    assert found["scan"]["outputs"]["db"]["digest"]

    the_tool_itself(tmp_path, alone, environment)


def the_tool_itself(tmp_path: Path, alone: tuple[str, ...], environment: dict[str, str]) -> None:
    """What installs the tool on such a machine, from the archive and with nothing of ours there yet."""
    new = tmp_path / "new"
    new.mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "site.tar", "tool", "wheels"], cwd=new, check=True)
    run([sys.executable, "-m", "venv", new / "venv"], cwd=new, environment=environment)
    python = new / "venv" / "bin" / "python"
    pip = [*alone, python, "-m", "pip", "install", "--no-index", "--find-links", "wheels"]
    run([*pip, "--require-hashes", "-r", "tool/tool.lock"], cwd=new, environment=environment)
    (wheel,) = (new / "tool").glob("*.whl")
    run([*pip, "--no-deps", wheel], cwd=new, environment=environment)
    run([*alone, python, "-m", "mlops_ci", "plan", "--engine", "host"], cwd=tmp_path / "site", environment=environment)
