"""The way of the Kubernetes executor: each job in a container of the training image, and no engine beside it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from mlops_ci import pipeline
from mlops_ci.run.collect import collect
from mlops_ci.run.run import Run
from support.cli import call, records
from support.gitlab_ci import EXAMPLE, Pipeline, make_bundle, make_consumer, make_helper, run_in_containers
from support.oci_server import OciServer
from support.project import WITH_TORCH, make_project

HANDING_ON = ("plan", "build", "scan", "prepare", "train", "evaluate", "publish", "promote", "deploy")
JOBS = (*HANDING_ON, "result")
QUICK = WITH_TORCH.replace("seconds = 3.0", "seconds = 0.1")
STATUSES = {**dict.fromkeys(pipeline.NAMES[:-1], "passed"), "promote": "skipped", "deploy": "skipped"}
# What the image must have beside PyTorch and Python is git: here it is this machine's, which is of the same release.
GIT = (Path("/usr/bin/git"), Path("/usr/lib/git-core"), Path("/usr/share/git-core"))


@pytest.fixture
def image(tmp_path: Path, docker_host: str, base_image: str, shared_cache: Path) -> tuple[str, str]:
    """Reference and digest of an image with PyTorch: the one that the engine `docker` would train in."""
    project = make_project(tmp_path / "builder", config=QUICK)
    settings = {
        "DOCKER_HOST": docker_host,
        "MLOPS_CI_MIRRORS__IMAGES": f'{{"debian:bookworm-slim" = "{base_image}"}}',
        "MLOPS_CI_ENGINE": "docker",
        # Where Trivy knows the layers of PyTorch from other tests.
        "MLOPS_CI_CACHE": str(shared_cache),
    }
    done = call(project, "run", "build", environment=settings)
    assert done.exit_code == 0, done.said
    outputs = records(project)["build"]["outputs"]
    top = outputs["images"][outputs["top"]]
    return str(top["ref"]), str(top["digest"])


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """The tool's environment as a volume beside the image: the image's Python, our packages."""
    folder = tmp_path / "tool"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to("/usr/bin/python3")
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    site = folder / "lib" / "python{}.{}".format(*sys.version_info[:2]) / "site-packages"
    site.mkdir(parents=True)
    (site / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def helper(tmp_path: Path, docker_host: str, base_image: str) -> str:
    """The image that carries artifacts from job to job."""
    return make_helper(tmp_path / "helper", base_image, "mlops-ci-tests/carrier", {"DOCKER_HOST": docker_host})


def test_jobs_run_inside_the_image_that_they_name(
    tmp_path: Path,
    gitlab_ci_local: None,
    image: tuple[str, str],
    helper: str,
    tool: Path,
    docker_host: str,
    database: OciServer,
    mlflow_server: str,
) -> None:
    ref, digest = image
    bundle = make_bundle(tmp_path / "mlops-ci", profile="kubernetes")
    # By a tag named `gpu` gitlab-ci-local asks the engine for GPUs.
    example = EXAMPLE.read_text().replace("runner-gpu: [gpu]", "runner-gpu: [trainer]")
    consumer = make_consumer(tmp_path / "model", example, config=QUICK)
    done = run_in_containers(
        consumer,
        bundle,
        helper=helper,
        volumes=(tool, Path(sys.prefix), *GIT),
        variables={
            "MLOPS_TRAIN_IMAGE": ref,
            "MLOPS_IMAGE_DIGEST": digest,
            "MLOPS_CI_ENVIRONMENT": str(tool),
            "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
            "MLOPS_CI_TRACKING__URI": mlflow_server,
            "MLOPS_CI_PROJECT__NAME": f"inside-{secrets.token_hex(4)}",
            # Searching PyTorch for secrets takes a minute, and says nothing of this engine.
            "MLOPS_CI_SCAN__SECRETS": "false",
            "HOME": "/tmp",
        },
        machine={"DOCKER_HOST": docker_host, "PATH": os.environ["PATH"]},
    )
    assert done.exit_code == 0, done.output[-8000:]
    assert done.jobs == {f"mlops-{job}": 0 for job in JOBS}
    run = collected(done, tmp_path)
    found = run.records()
    assert {name: one.status for name, one in found.items()} == STATUSES
    assert {(one.provider, one.engine) for one in found.values()} == {("gitlab", "inside")}
    (inside,) = found["build"].outputs["images"].values()
    assert (inside["digest"], inside["built"]) == (digest, False)
    parts = {part["name"]: part for part in found["scan"].outputs["parts"]}
    assert "debian" in parts["vulnerabilities"]["why"], "the image's own system packages are judged"
    assert "operating system" not in parts
    assert parts["image configuration"]["status"] == "SKIP"
    bill = json.loads(run.path("sbom", "inside.cdx.json").read_text())
    names = {one.get("purl", "").partition("@")[0] for one in bill["components"]}
    assert {"pkg:deb/debian/python3", "pkg:pypi/torch"} <= names
    assert "pkg:pypi/docker" not in names, "the tool beside the image is no part of it"
    page = done.artifacts("mlops-result") / ".mlops" / "gitlab" / "report.html"
    assert run.id in page.read_text()


def collected(done: Pipeline, folder: Path) -> Run:
    """What the jobs handed on, put together and checked as a later job would; no tree of a container is left."""
    for job in HANDING_ON:
        left = done.artifacts(f"mlops-{job}") / ".mlops" / "handover"
        shutil.copytree(left, folder / "together", dirs_exist_ok=True)
    return collect(folder / "together", folder / "collected")[0]
