"""What the images promise about security, checked in containers and by Trivy."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.images import catalogue
from support.image_builds import Built, ImageProject

LOCKED_DOWN = (
    *("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--network", "none", "--user", "4321:4321"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)
Docker = Callable[..., str]


@pytest.fixture
def base(project: ImageProject) -> Built:
    return project.build(layer="python")


def test_numeric_user_no_healthcheck_no_secrets_in_the_configuration(
    base: Built, inspect: Callable[[str], dict[str, Any]]
) -> None:
    config = inspect(base.ref)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"] == ["NONE"]
    names = {line.partition("=")[0] for line in config["Env"]}
    assert not names & {"PIP_CERT", "SSL_CERT_FILE", "PIP_CONFIG_FILE", "BASE_IMAGE", "HTTP_PROXY"}
    assert config["Labels"]["org.opencontainers.image.base.name"] == catalogue.load().base.name
    assert config["Labels"]["org.opencontainers.image.base.digest"].startswith("sha256:")


def test_it_runs_locked_down_as_any_user(base: Built, docker: Docker) -> None:
    code = "import getpass, os, pathlib; pathlib.Path.home().joinpath('x').write_text('x'); print(getpass.getuser())"
    assert docker(*LOCKED_DOWN, base.ref, "python", "-c", code).strip() == "mlops"
    assert docker(*LOCKED_DOWN, base.ref, "sh", "-c", "cat /proc/1/comm").strip() == "tini"


def test_no_file_gives_rights(base: Built, docker: Docker) -> None:
    found = docker("run", "--rm", "--user", "0", base.ref, "find", "/", "-xdev", "-perm", "/6000")
    assert found.strip() == ""


def test_pip_is_a_command_of_builds_and_no_module_of_jobs(base: Built, docker: Docker) -> None:
    code = "import importlib.util; print(importlib.util.find_spec('pip'))"
    assert docker("run", "--rm", base.ref, "python", "-c", code).strip() == "None"
    assert docker("run", "--rm", base.ref, "pip", "--version").startswith("pip ")


def test_no_caches_lists_or_certificates_of_the_build_stay(base: Built, docker: Docker) -> None:
    places = "/var/lib/apt/lists /var/cache/apt/archives /root/.cache /tmp /run/secrets /run/context /var/log/apt"
    found = docker("run", "--rm", "--user", "0", base.ref, "sh", "-c", f"find {places} -type f 2>/dev/null; true")
    assert [line for line in found.splitlines() if not line.endswith("/lock")] == []


def test_the_whole_image_computes_without_cuda_and_without_rights(train_image: Built, docker: Docker) -> None:
    code = (
        "import importlib.metadata as m, json, mlflow, numpy, psutil, safetensors.torch, torch;"
        "print(json.dumps({'torch': torch.__version__, 'sum': float(torch.ones(3).sum()),"
        "'cuda': torch.version.cuda, 'names': [d.metadata['Name'].lower() for d in m.distributions()]}))"
    )
    said = docker(*LOCKED_DOWN, "--env", "MLOPS_SHM_ADVICE=off", train_image.ref, "python", "-W", "error", "-c", code)
    found = json.loads(said.splitlines()[-1])
    assert (found["torch"], found["sum"], found["cuda"]) == ("2.13.0+cpu", 3.0, None)
    assert not [name for name in found["names"] if name.startswith(("nvidia", "cuda", "triton"))]
    assert train_image.images["train"].bytes < 1.6e9


def test_dockerfiles_have_no_misconfiguration(trivy: Path) -> None:
    folder = catalogue.load().folder
    # Trivy passes over every folder that is called `dev`, as that of a root file system, unless it begins there.
    results = [*misconfigurations(trivy, folder), *misconfigurations(trivy, folder / "dev")]
    assert len(results) == len(list(folder.glob("*/Dockerfile")))
    found = {(result["Target"], one["ID"]) for result in results for one in result.get("Misconfigurations", [])}
    # A user's own layers keep the health check of what they stand on, which no check of one file can see.
    assert found == {("code/Dockerfile", "DS-0026"), ("requirements/Dockerfile", "DS-0026")}


def misconfigurations(trivy: Path, folder: Path) -> list[dict[str, Any]]:
    command = [trivy, "config", "--quiet", "--skip-check-update", "--format", "json", folder]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["Results"]
    return found
