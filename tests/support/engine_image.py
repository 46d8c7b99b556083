"""A small image with Python, for tests of the Docker engine: the base image and Debian's own python3."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

NAME = "mlops-ci-test/python:engine"
# The certificate authorities are a secret of the build: package mirrors may be behind a TLS proxy, the image is not.
DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN --mount=type=secret,id=ca,target=/run/ca.crt \\
    echo 'Acquire::https::CaInfo "/run/ca.crt";' > /etc/apt/apt.conf.d/99ca \\
 && apt-get -q update \\
 && apt-get -q install -y --no-install-recommends python3 \\
 && rm -rf /var/lib/apt/lists/* /etc/apt/apt.conf.d/99ca
"""


@pytest.fixture(scope="session")
def python_image(docker_host: str, base_image: str, ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image's name; it is built when the engine does not have it."""
    environment = {**os.environ, "DOCKER_HOST": docker_host}
    known = subprocess.run(["docker", "image", "inspect", NAME], env=environment, capture_output=True, check=False)
    if known.returncode != 0:
        folder = tmp_path_factory.mktemp("python-image")
        (folder / "Dockerfile").write_text(DOCKERFILE)
        options = ["--load", "--secret", f"id=ca,src={ca_bundle}", "--build-arg", f"BASE_IMAGE={base_image}"]
        built = subprocess.run(
            ["docker", "buildx", "build", *options, "--tag", NAME, str(folder)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stderr[-2000:]
    return NAME
