"""Projects on the Docker engine and on the host engine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.images import catalogue
from support.image_builds import Built, ImageProject
from support.image_projects import copy_catalogue, locked, write_wheel

BASE = "debian:bookworm-slim"
Docker = Callable[..., str]


@pytest.fixture(scope="session")
def docker(docker_host: str) -> Docker:
    """Runs the `docker` command on the test's engine."""

    def run(*words: str, check: bool = True) -> str:
        environment = {**os.environ, "DOCKER_HOST": docker_host}
        finished = subprocess.run(["docker", *words], env=environment, capture_output=True, text=True, check=False)
        assert not check or finished.returncode == 0, finished.stderr[-2000:]
        return finished.stdout + finished.stderr

    return run


@pytest.fixture(scope="session")
def project_name(docker: Docker) -> Iterator[str]:
    """A project name of this session; its images are removed in the end."""
    name = f"t-{secrets.token_hex(4)}"
    yield name
    other = os.environ.get("MLOPS_CI_TEST_DOCKER_HOST_CONTAINERD")
    for host in ([], *([["--host", other]] if other else [])):
        found = docker(*host, "images", "--format", "{{.Repository}}:{{.Tag}}", check=False).splitlines()
        mine = [ref for ref in found if f"/{name}" in ref]
        for layer in ("base", "project"):
            label = f"label=org.opencontainers.image.title={name} {layer}"
            mine += docker(
                *host, "images", "--quiet", "--filter", "dangling=true", "--filter", label, check=False
            ).split()
        if mine:
            docker(*host, "rmi", "--force", *mine, check=False)


@pytest.fixture
def project(
    tmp_path: Path, docker_host: str, base_image: str, project_name: str, monkeypatch: pytest.MonkeyPatch
) -> ImageProject:
    """An empty project on the Docker engine."""
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    return ImageProject(root=tmp_path, engine="docker", name=project_name, mirrors={"images": {BASE: base_image}})


@pytest.fixture(scope="session")
def train_image(
    tmp_path_factory: pytest.TempPathFactory, docker_host: str, base_image: str, project_name: str
) -> Built:
    """The whole `cpu` image: 1.3 GB, a minute. Built once per session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", docker_host)
        root = tmp_path_factory.mktemp("train")
        return ImageProject(
            root=root, engine="docker", name=project_name, mirrors={"images": {BASE: base_image}}
        ).build(**in_registry())


def in_registry() -> dict[str, str]:
    """The registry in which the tree is looked for and kept, where MLOPS_CI_TEST_TREE_REGISTRY names one."""
    named = os.environ.get("MLOPS_CI_TEST_TREE_REGISTRY")
    return {"registry": named} if named else {}


@pytest.fixture(scope="session")
def tree_place() -> dict[str, str]:
    """Settings in `[image]` of all images of the tree."""
    return in_registry()


@pytest.fixture(scope="session")
def without_compiler(tmp_path_factory: pytest.TempPathFactory) -> catalogue.Catalogue:
    """The real catalogue, whose layer `python` holds no compiler: a tenth to pack, and made by the same steps.

    `less` is a command that Debian chooses among several, as the compiler is.
    """
    folder = copy_catalogue(tmp_path_factory.mktemp("without-compiler") / "images")
    dockerfile = folder / "python" / "Dockerfile"
    text, compiler = dockerfile.read_text(), "g++ libpython3-dev"
    assert compiler in text
    dockerfile.write_text(text.replace(compiler, "less"))
    return catalogue.load(folder)


@pytest.fixture
def light(
    project: ImageProject, without_compiler: catalogue.Catalogue, monkeypatch: pytest.MonkeyPatch
) -> ImageProject:
    """An empty project with that catalogue, for tests in which a layer of Debian's Python is packed and moved."""
    monkeypatch.setattr(catalogue, "load", lambda: without_compiler)
    return project


@pytest.fixture
def inspect(docker: Docker) -> Callable[[str], dict[str, Any]]:
    """What the engine knows of an image."""
    return lambda ref: json.loads(docker("image", "inspect", ref))[0]


@pytest.fixture(scope="session")
def small_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins of a few bytes for PyTorch and for a package on top of it, so that environments take no time."""
    folder = tmp_path_factory.mktemp("wheels")
    torch = {"torch/__init__.py": "version = '2.13.0+cpu'\ndef run():\n    import extra, sys\n    print(sys.prefix)\n"}
    write_wheel(folder, "torch", "2.13.0+cpu", files={**torch, "entry": "[console_scripts]\ntorchrun = torch:run\n"})
    write_wheel(folder, "trainlib", "1.0", files={"trainlib.py": "import torch\n"})
    write_wheel(folder, "extra", "1.0", files={"extra.py": "import trainlib\n"})
    return folder


@pytest.fixture(scope="session")
def small_catalogue(tmp_path_factory: pytest.TempPathFactory, small_wheels: Path) -> catalogue.Catalogue:
    """The real catalogue with locks on the stand-ins."""
    folder = tmp_path_factory.mktemp("catalogue") / "images"
    shutil.copytree(catalogue.load().folder, folder)
    for layer, name in (("torch", "torch"), ("train", "trainlib")):
        (wheel,) = small_wheels.glob(f"{name}-*.whl")
        (folder / layer / "requirements.2.13-cpu.lock").write_text(locked(wheel))
    return catalogue.load(folder)


@pytest.fixture(scope="session")
def host_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project for all tests of environments, since the lowest one takes seconds."""
    return tmp_path_factory.mktemp("host")


@pytest.fixture
def host_project(
    host_root: Path, small_catalogue: catalogue.Catalogue, small_wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> ImageProject:
    """A project on the host engine, with the small catalogue and no network."""
    monkeypatch.setattr(catalogue, "load", lambda: small_catalogue)
    index = host_root / "empty-index"
    index.mkdir(exist_ok=True)
    mirrors = {"index": index.as_uri(), "torch_index": index.as_uri(), "find_links": (str(small_wheels),)}
    return ImageProject(root=host_root, engine="host", name="host", mirrors=mirrors)
