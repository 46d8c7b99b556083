"""Exported here, imported where there is no network but loopback, into an engine without any image: the pipeline runs.

What `test_air_gap.py` proves for the host engine is not done again: wheels, and that the tool installs itself.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support import isolated, isolated_engine
from support.cli import call, clean_environment, records
from support.isolated_engine import IsolatedSite
from support.project import CONFIG, make_project, put_over

WITHOUT = [word for part in ("wheels", "tool", "actions") for word in ("--without", part)]
SMALL = (
    CONFIG.replace("seconds = 3.0", "seconds = 0.1")
    + """
[sweep]
values = {rate = [0.3, 0.4]}
parallel = 2
metric = "closeness"
"""
)


@pytest.fixture
def archive(tmp_path: Path, docker_settings: dict[str, str], scanned: dict[str, str]) -> Path:
    """What the site gets: finished images, the base image, the scanner's database."""
    isolated_engine.need_one()
    project = make_project(tmp_path / "project", config=SMALL)
    put_over(project)
    words = ["mirror", "export", str(tmp_path / "site.tar"), "--engine", "docker", *WITHOUT]
    done = call(project, *words, environment={**docker_settings, **scanned})
    assert done.exit_code == 0, done.said
    return tmp_path / "site.tar"


@pytest.fixture
def site(archive: Path) -> Iterator[IsolatedSite]:
    with isolated_engine.site() as made:
        yield made


def images(environment: dict[str, str]) -> set[str]:
    listed = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.split())


def test_the_pipeline_on_docker_without_a_network(tmp_path: Path, archive: Path, site: IsolatedSite) -> None:
    clone = tmp_path / "site"
    subprocess.run(["git", "clone", "--quiet", tmp_path / "project", clone], check=True)
    around = clean_environment({"DOCKER_HOST": site.docker_host, "MLOPS_CI_CACHE": str(tmp_path / "cache")})
    assert images(around) == set()
    mlops = [*site.alone, sys.executable, "-m", "mlops_ci"]
    isolated.run([*mlops, "mirror", "import", archive, "--to", tmp_path / "mirror"], cwd=clone, environment=around)
    lines = [shlex.split(line)[1] for line in (tmp_path / "mirror" / "mirror.env").read_text().splitlines()]
    brought = images(around)

    settings = dict(line.split("=", 1) for line in lines)
    isolated.run([*mlops, "run", "--engine", "docker"], cwd=clone, environment={**around, **settings})
    found = records(clone)
    assert {name: one["status"] for name, one in found.items()} == {
        **dict.fromkeys(pipeline.NAMES, "passed"),
        "deploy": "skipped",
    }
    assert {one["engine"] for one in found.values()} == {"docker"}
    built = found["build"]["outputs"]["images"]
    assert {name: one["built"] for name, one in built.items()} == {"base": False, "python": False}, (
        "they come from the archive"
    )
    assert {one["ref"] for one in built.values()} <= brought
    assert images(around) == brought, "nothing was built or pulled"
    assert found["scan"]["outputs"]["db"]["digest"]
    assert found["build"]["outputs"]["extra"]["packages"] == ["planted-high-fixable 1.0"], (
        "from the repository's folder"
    )
    assert found["scan"]["outputs"]["findings"]["HIGH"]["total"] >= 1
    assert found["promote"]["outputs"]["to"] == "1"
    # Two containers at a time, one for each trial.
    sweep = found["train"]["outputs"]["sweep"]
    assert [one["status"] for one in sweep["trials"]] == ["finished", "finished"]
    assert (sweep["best"], sweep["params"]["rate"]) == (2, 0.4)
