"""Both engines run containers from the base image and build with buildx; the registry takes and gives images."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN --mount=type=secret,id=ca,target=/run/ca test -s /run/ca
RUN <<END
echo built > /built
END
"""


def docker(host: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DOCKER_HOST": host}
    return subprocess.run(
        ["docker", *arguments], env=environment, capture_output=True, text=True, timeout=300, check=check
    )


@pytest.fixture
def tag(docker_host: str, image_registry: str) -> Iterator[str]:
    name = f"{image_registry}/testbed/{uuid.uuid4().hex}:1"
    yield name
    docker(docker_host, "image", "rm", "--force", name, check=False)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def test_containers_reach_the_gateway_and_have_names_resolved(docker_host: str, base_image: str) -> None:
    routes = docker(docker_host, "run", "--rm", base_image, "cat", "/proc/net/route", "/etc/resolv.conf").stdout
    assert "eth0" in routes
    assert "nameserver" in routes


def test_buildx_builds_from_the_mirrored_base_with_the_ca_bundle_as_a_secret(
    docker_host: str, mirrored_base_image: str, ca_bundle: Path, context: Path, tag: str
) -> None:
    base = f"BASE_IMAGE={mirrored_base_image}"
    docker(
        docker_host,
        *("buildx", "build", "--load", "--tag", tag, "--build-arg", base, "--secret", f"id=ca,src={ca_bundle}"),
        str(context),
    )
    assert docker(docker_host, "run", "--rm", tag, "cat", "/built").stdout == "built\n"
    docker(docker_host, "push", "--quiet", tag)
    docker(docker_host, "image", "rm", tag)
    docker(docker_host, "pull", "--quiet", tag)


def test_the_classic_store_refuses_what_only_containerds_can(
    docker_host: str, docker_host_containerd: str, base_image: str, ca_bundle: Path, context: Path
) -> None:
    build = [
        *("buildx", "build", "--build-arg", f"BASE_IMAGE={base_image}", "--secret", f"id=ca,src={ca_bundle}"),
        *("--output", f"type=oci,dest={context}/image.tar,rewrite-timestamp=true", str(context)),
    ]
    refused = docker(docker_host, *build, check=False)
    assert refused.returncode != 0
    assert "containerd image store" in refused.stderr
    docker(docker_host_containerd, *build)
    assert (context / "image.tar").stat().st_size > 1_000_000
