"""The scan of an image: packages, secrets of all layers, its configuration, and what is new since the base image."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_ci.scanning.contents import StaleSbomError
from mlops_ci.scanning.findings import BASE_LAYER, ScanTarget
from mlops_ci.scanning.trivy import ScannerBrokenError

# Put together here, so that no scanner takes this file for a leak. They open nothing.
FIRST = "gh" + "p_" + "aBcDeFgHiJkLmNoPqRsT" + "uVwXyZ0123456789"
SECOND = "gh" + "p_" + "zYxWvUtSrQpOnMlKjIhG" + "fEdCbA9876543210"
METADATA = "Metadata-Version: 2.1\\nName: {0}\\nVersion: 1.0\\n"
PLACE = "/opt/venv/lib/python3.11/site-packages/{0}-1.0.dist-info"
INSTALL = f"RUN mkdir -p {PLACE} && printf '{METADATA}' > {PLACE}/METADATA\n"


def install(name: str) -> str:
    return INSTALL.format(name)


@pytest.fixture
def image(docker_host: str, base_image: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Builds an image from lines of a Dockerfile; all are removed at the end."""
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    names: list[str] = []

    def build(lines: str) -> str:
        names.append(f"mlops-ci-test/scan:{uuid.uuid4().hex[:12]}")
        text = f"FROM {base_image}\n{lines}"
        docker("build", "--quiet", "--tag", names[-1], "-", stdin=text.encode())
        return names[-1]

    yield build
    if names:
        docker("image", "rm", "--force", *names)


def docker(*words: str, stdin: bytes = b"") -> str:
    done = subprocess.run(["docker", *words], input=stdin, capture_output=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def layers(ref: str) -> frozenset[str]:
    return frozenset(json.loads(docker("image", "inspect", ref, "--format", "{{json .RootFS.Layers}}")))


def target(ref: str) -> tuple[ScanTarget, ...]:
    return (ScanTarget(kind="image", ref=ref, name="top"),)


def test_an_image_with_a_user_and_without_findings_passes(project, trivy_db_server, image):
    ref = image(install("harmless") + "USER 10001:10001\n")
    outputs = project.scan(trivy_db_server.trivy_repository, targets=target(ref))
    assert outputs.verdict == "passed"
    assert {one.name: one.status for one in outputs.parts} == {
        "vulnerabilities": "PASS",
        "secrets": "PASS",
        "image configuration": "PASS",
        "Dockerfiles": "SKIP",
    }
    assert "debian, 1 python-pkg packages judged" in outputs.parts[0].why


def test_everything_that_is_wrong_with_an_image_is_found(project, trivy_db_server, image, base_image):
    ref = image(
        install("planted-critical-fixable")
        + f"RUN echo token={FIRST} > /opt/settings.ini\nRUN rm /opt/settings.ini\nENV DEPLOY_TOKEN={SECOND}\n"
    )
    sboms = project.sboms(target(ref))
    outputs = project.scan(
        trivy_db_server.trivy_repository,
        targets=target(ref),
        sboms=sboms,
        layers=dict.fromkeys(layers(base_image), BASE_LAYER),
    )
    assert outputs.verdict == "findings"
    text = (project.reports / "findings.json").read_text()
    failing = {(one["id"], one["where"].split(" ")[-1]): one for one in json.loads(text)["failing"]}
    table = (Path(__file__).parents[3] / "docs" / "scanning.md").read_text()
    for case in ("a secret in a layer, deleted in the next", "a secret in the image's environment"):
        assert f"| {case} | findings: github-pat | findings: github-pat |" in table
    deleted, environment = failing["github-pat", "opt/settings.ini:1"], failing["github-pat", "configuration"]
    assert deleted["severity"] == environment["severity"] == "CRITICAL"
    assert ("DS-0002", "top") in failing, "runs as root"
    (vulnerable,) = (one for one in failing.values() if one["kind"] == "vulnerability")
    assert vulnerable["new_since_base"]
    assert outputs.findings["CRITICAL"].new_since_base == 1
    assert outputs.findings["LOW"].new_since_base == 0, "base-files came with the base image"
    for secret in (FIRST, SECOND):
        assert secret not in text + sboms[0].read_text() + "\n".join(project.heard.lines)
    assert not list((project.scanner.cache / "scratch").iterdir())


def test_the_sbom_of_an_image_is_the_same_from_the_engine_and_from_the_cache(project, image):
    ref = image(install("harmless"))
    cold = project.sboms(target(ref))[0].read_bytes()
    assert project.sboms(target(ref))[0].read_bytes() == cold


def test_an_image_that_is_not_there_is_a_broken_scan(project, docker_host, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    with pytest.raises(ScannerBrokenError, match="unable to find the specified image") as raised:
        project.sboms(target("localhost:1/mlops-ci-test/none:1"))
    assert "mlops-ci build" in raised.value.hint


def test_a_tag_that_was_moved_after_the_build_is_noticed(project, trivy_db_server, image):
    sboms = project.sboms(target(image(install("harmless"))))
    other = image(install("harmless-too"))
    with pytest.raises(StaleSbomError, match="are not those of its SBOM"):
        project.scan(trivy_db_server.trivy_repository, targets=target(other), sboms=sboms)


def test_a_database_without_this_system_cannot_pass(project, trivy_db_of, image):
    from mlops_ci.scanning.canary import BlindDatabaseError

    server = trivy_db_of(
        lambda entries: [{**one, "affects": [a for a in one["affects"] if a["in"] == "pip"]} for one in entries]
    )
    ref = image(install("harmless"))
    with pytest.raises(BlindDatabaseError, match=r"knows nothing about debian \(debian 12"):
        project.scan(server.trivy_repository, targets=target(ref))


def test_an_image_of_a_registry_is_read_there_with_and_without_an_engine(
    project, trivy_db_server, docker_host, image, image_registry, tmp_path, monkeypatch
):
    local = image(install("harmless") + "USER 10001:10001\n")
    remote = f"{image_registry}/{local}"
    docker("tag", local, remote)
    docker("push", "--quiet", remote)
    # The engine has another one under that name.
    docker("tag", image("USER 10001:10001\n"), remote)
    assert '"name": "harmless"' in project.sboms(target(remote))[0].read_text()
    docker("image", "rm", remote)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    outputs = project.scan(trivy_db_server.trivy_repository, targets=target(remote), local=False)
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    assert outputs.verdict == "passed"
    assert "1 python-pkg packages judged" in outputs.parts[0].why
