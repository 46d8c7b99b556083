"""Exported here, imported where there is no network but loopback: the rendered workflow ends green on Docker there.

The site has an engine without any image, and an MLflow of its own; stand-ins take the place of the actions. What
`tests/e2e/test_air_gap.py` proves for the host engine is not done again: wheels, and that the tool installs itself.
"""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support import act, isolated, isolated_site
from support.cli import call, clean_environment
from support.isolated_site import IsolatedSite
from support.oci_server import OciServer
from support.project import CONFIG, make_project

HERE = [word for part in ("wheels", "tool", "actions") for word in ("--without", part)]


@pytest.fixture
def consumer(tmp_path: Path) -> Path:
    """A repository whose image is the lowest layer: the training needs no torch."""
    name = f"alone-{secrets.token_hex(4)}"
    config = CONFIG.replace('name = "mean"', f'name = "{name}"').replace("seconds = 3.0", "seconds = 0.1")
    project = make_project(tmp_path / "project", config=config + 'layer = "base"\n')
    return act.make_consumer(project, act.EXAMPLE.read_text().rstrip() + "\n" + act.AFTER)


@pytest.fixture
def archive(
    tmp_path: Path, consumer: Path, docker_host: str, base_image: str, database: OciServer, shared_cache: Path
) -> Path:
    """What the site gets: finished images, the base image, the scanner's database."""
    isolated_site.need_one()
    settings = {
        "DOCKER_HOST": docker_host,
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_MIRRORS__IMAGES": f'{{"debian:bookworm-slim" = "{base_image}"}}',
        "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
    }
    target = tmp_path / "site.tar"
    done = call(consumer, "mirror", "export", str(target), "--engine", "docker", *HERE, environment=settings)
    assert done.exit_code == 0, done.said
    return target


@pytest.fixture
def site(archive: Path) -> Iterator[IsolatedSite]:
    with isolated_site.site() as made:
        yield made


def images(site: IsolatedSite) -> set[str]:
    listed = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"],
        env={**clean_environment(), **site.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.split())


def test_the_whole_workflow_without_a_network(
    tmp_path: Path, consumer: Path, archive: Path, site: IsolatedSite, program: Path, bundle: Path
) -> None:
    assert images(site) == set()
    machine = {**site.environment, "MLOPS_CI_CACHE": str(tmp_path / "cache")}
    words = [*site.alone, sys.executable, "-m", "mlops_ci", "mirror", "import", archive, "--to", tmp_path / "mirror"]
    isolated.run(words, cwd=consumer, environment={**clean_environment(), **machine})
    lines = [shlex.split(line)[1] for line in (tmp_path / "mirror" / "mirror.env").read_text().splitlines()]
    brought = images(site)

    done = act.act(
        program,
        consumer,
        bundle,
        tmp_path / "act",
        environment={
            **machine,
            **dict(line.split("=", 1) for line in lines),
            "MLOPS_CI_PUBLISH__STORE": str(tmp_path / "store"),
        },
        variables={"MLOPS_CI_ENGINE": "docker"},
        alone=site.alone,
    )
    assert done.exit_code == 0, done.log[-8000:]
    records = done.records()
    assert {name: one["status"] for name, one in records.items()} == dict.fromkeys(pipeline.NAMES, "passed")
    assert {(one["provider"], one["engine"]) for one in records.values()} == {("github", "docker")}
    built = records["build"]["outputs"]["images"]
    assert {name: one["built"] for name, one in built.items()} == {"base": False}, "it comes from the archive"
    assert {one["ref"] for one in built.values()} <= brought
    assert records["scan"]["outputs"]["db"]["digest"]
    assert json.loads(done.outputs["result-json"])["promoted"] is True
