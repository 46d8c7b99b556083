"""Docker engines, the base image and the image registry, for tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .fixtures_testbed import TESTBED, found_or_skip
from .testbed import http_probe, system_packages
from .testbed.docker_engine import DockerEngine, DockerEngineContainerdStore

DEFAULT_HOST = "unix:///var/run/docker.sock"


@pytest.fixture(scope="session")
def docker_host() -> str:
    """DOCKER_HOST of an engine that answers (classic image store when it is the testbed's)."""
    return _answering(os.environ.get(DockerEngine.host_variable) or DEFAULT_HOST, f"{TESTBED}, or set DOCKER_HOST")


@pytest.fixture(scope="session")
def docker_host_containerd() -> str:
    """The same, for an engine with containerd's image store."""
    variable = DockerEngineContainerdStore.host_variable
    advice = "run `bin/testbed install docker-containerd` and `bin/testbed start docker-containerd`"
    return _answering(os.environ.get(variable, ""), f"{advice}, or set {variable}")


@pytest.fixture(scope="session")
def base_image(docker_host: str) -> str:
    """A minimal Debian that the engine of `docker_host` holds."""
    return _variable("MLOPS_CI_TEST_BASE_IMAGE")


@pytest.fixture(scope="session")
def image_registry() -> str:
    """HOST:PORT of a registry (plain HTTP on localhost) to push to; names are the test's own to choose."""
    return _variable("MLOPS_CI_TEST_REGISTRY")


@pytest.fixture(scope="session")
def mirrored_base_image(image_registry: str) -> str:
    """The base image as that registry has it: what a mirror of the public hub would be."""
    return _variable("MLOPS_CI_TEST_REGISTRY_BASE_IMAGE")


def _answering(host: str, advice: str) -> str:
    path = host.removeprefix("unix://")
    answers = path != host and http_probe.status_over_socket(Path(path), "/_ping") == 200
    if not answers:
        pytest.skip(f"no Docker engine answers at {host or '(nowhere)'}: {advice}")
    return host


def _variable(name: str) -> str:
    if not os.environ.get(name):
        pytest.skip(f"{name} is not set: {TESTBED}")
    return os.environ[name]


@pytest.fixture(scope="session")
def cosign() -> str:
    """The program `cosign`: the other side's reader and writer of signatures."""
    return str(found_or_skip(system_packages.find("cosign"), "cosign"))
