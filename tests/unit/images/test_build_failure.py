"""What a failed build means, read from what builders really print."""

import pytest

from mlops_ci.images import build_failure
from mlops_ci.images.specs import LayerSpec

FAILED_RUN = """\
#0 building with "default" instance using docker driver
#4 [1/2] FROM docker.io/mlops-ci/demo/train:c-1
#4 CACHED
#5 [2/2] RUN echo hello && false
#5 0.202 hello
#5 0.204     indented
#5 ERROR: process "/bin/sh -c echo hello && false" did not complete successfully: exit code: 1
------
 > [2/2] RUN echo hello && false:
0.202 hello
------
Dockerfile:4
--------------------
   3 |     USER 0
   4 | >>> RUN echo hello && false
--------------------
ERROR: failed to solve: process "/bin/sh -c echo hello && false" did not complete successfully: exit code: 1
"""
PARSE_ERROR = """\
#2 DONE 0.0s
Dockerfile:3
--------------------
   3 | >>> RUNN echo
--------------------
ERROR: failed to solve: dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)
"""


def spec(name: str = "torch", **fields: object) -> LayerSpec:
    return LayerSpec(name=name, document={}, files=(), shown=f"images/{name}/Dockerfile", **fields)


def test_the_failed_step_is_found_whole() -> None:
    failure = build_failure.read(FAILED_RUN.splitlines())
    assert failure.line == 4
    assert failure.lines == (
        "[2/2] RUN echo hello && false",
        "hello",
        "    indented",
        'ERROR: process "/bin/sh -c echo hello && false" did not complete successfully: exit code: 1',
    )


@pytest.mark.parametrize(("output", "line"), [(FAILED_RUN, 4), (PARSE_ERROR, 3)])
def test_the_users_dockerfile_is_the_users(output: str, line: int) -> None:
    error = build_failure.error_for(
        LayerSpec(name="project", document={}, files=(), shown="docker/Dockerfile"), output.splitlines()
    )
    assert error.exit_code == 20
    assert error.failure_class == "dockerfile-build"
    assert error.cause.startswith(f"docker/Dockerfile:{line}: ")
    assert error.details


@pytest.mark.parametrize(
    ("said", "code", "name"),
    [
        (
            "ERROR: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
            10,
            "build-engine-lost",
        ),
        ("#5 1.0 OSError: [Errno 28] No space left on device", 10, "build-disk-full"),
        ("#5 1.0 ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", 1, "package-hash"),
        ("#5 1.0 WARNING: Retrying after connection broken by 'NewConnectionError('<x>')'", 10, "build-network"),
        ("#5 1.0 E: Failed to fetch http://x/InRelease", 10, "build-network"),
        (
            "ERROR: failed to solve: debian: failed to resolve source metadata for docker.io/x",
            10,
            "base-image-unavailable",
        ),
        ("#5 1.0 something else", 10, "layer-build"),
        ("", 10, "layer-build"),
    ],
)
def test_classes(said: str, code: int, name: str) -> None:
    error = build_failure.error_for(spec(), said.splitlines())
    assert (error.exit_code, error.failure_class) == (code, name)
    assert error.hint


def test_the_users_requirements_are_the_users() -> None:
    said = [
        "#7 [2/2] RUN pip-install.sh",
        "#7 1.9 ERROR: No matching distribution found for nosuch==9",
        '#7 ERROR: process "/bin/sh -c x" did not complete successfully: exit code: 1',
    ]
    error = build_failure.error_for(spec("requirements", requirements="requirements.txt"), said)
    assert error.exit_code == 20
    assert error.cause == (
        "the packages of requirements.txt cannot be installed: No matching distribution found for nosuch==9"
    )
    apt = ["#7 [2/2] RUN", "#7 1.9 E: Unable to locate package nosuch", '#7 ERROR: process "x"']
    error = build_failure.error_for(spec("requirements", args={"APT_PACKAGES": "nosuch"}), apt)
    assert error.cause == "the packages of [image] apt cannot be installed: Unable to locate package nosuch"
