"""A machine without any container engine and without the `docker` command: a BuildKit and a registry are all it has."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlops_ci import cli
from mlops_ci.console import Console
from mlops_ci.images import builder as buildx
from mlops_ci.images import catalogue, images_lock
from mlops_ci.images.engine_store import EngineStore
from mlops_ci.images.registry_store import RegistryStore
from mlops_ci.registry.client import Registry
from support import signing
from support.heard import Heard
from support.image_projects import copy_catalogue
from support.oci_server import OciServer
from support.remote_buildkit import VARIABLE, BuildkitSocket, lone_project
from support.testbed import tools

WITH_DOCKER = str(Path(shutil.which("docker") or "/none").parent)
LAYER = """ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG SOURCE_DATE_EPOCH
USER 0:0
RUN mkdir -p /opt/layers && head -c BYTES /dev/zero > /opt/layers/LAYER
USER 10001:10001
"""
CHECK = """[check]
commands = ["true"]
"""


@dataclass
class Site:
    """A repository on such a machine, and what was asked of registries since the last look."""

    root: Path
    registry: str
    capsys: pytest.CaptureFixture[str]
    questions: list[str] = field(default_factory=list)
    printed: str = ""

    def call(self, *words: str) -> tuple[int, str]:
        """Exit code and all that was said."""
        self.questions.clear()
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words))
        said = self.capsys.readouterr()
        self.printed = said.out
        return int(ended.value.code or 0), said.out + said.err

    def record(self, stage: str) -> dict[str, Any]:
        newest = max((self.root / ".mlops" / "runs").iterdir(), key=lambda path: path.name)
        found: dict[str, Any] = json.loads((newest / "records" / f"{stage}.json").read_text())
        return found


@pytest.fixture
def site(
    tmp_path: Path,
    docker_host_containerd: str,
    image_registry: str,
    mirrored_base_image: str,
    trivy_db_server: OciServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Site]:
    """The BuildKit is that of an engine which this machine does not reach; buildx is the plugin alone."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("git", "sh", "true"):
        (folder / name).symlink_to(str(shutil.which(name)))
    (folder / "trivy").symlink_to(str(tools.find("trivy")))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{Path(sys.executable).parent}")
    assert shutil.which("docker") is None
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    monkeypatch.setenv("MLOPS_CI_MIRRORS__TRIVY_DB", trivy_db_server.trivy_repository)
    small = copy_catalogue(tmp_path / "catalogue")
    for layer, size in (("base", "1000"), ("python", "2000")):
        (small / layer / "Dockerfile").write_text(LAYER.replace("LAYER", layer).replace("BYTES", size))
    known = catalogue.load(small)
    monkeypatch.setattr(catalogue, "load", lambda: known)
    root = tmp_path / "repository"
    root.mkdir()
    registry = f"{image_registry}/no-engine-{secrets.token_hex(4)}"
    with closing(BuildkitSocket(tmp_path / "b.sock", docker_host_containerd.removeprefix("unix://"))):
        text = lone_project(
            builder=os.environ.get(VARIABLE) or f"unix://{tmp_path}/b.sock",
            registry=registry,
            base=known.base.name,
            mirror=f"{mirrored_base_image}@{Registry().head(mirrored_base_image)}",
        )
        (root / "mlops.toml").write_text(text + CHECK)
        (root / "train.py").write_text("print('trained')\n")
        for words_of_git in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", *words_of_git], cwd=root, check=True)
        monkeypatch.chdir(root)
        for cached in (buildx.probe, buildx.known_as):
            cached.cache_clear()
        one = Site(root=root, registry=registry, capsys=capsys)
        monkeypatch.setattr(Registry, "_send", _noted(one.questions, Registry._send))
        yield one


def _noted(questions: list[str], send: Callable[..., Any]) -> Callable[..., Any]:
    def noting(self: Registry, method: str, url: str, *more: Any, **named: Any) -> Any:
        questions.append(f"{method} {url.partition('/v2/')[2]}")
        return send(self, method, url, *more, **named)

    return noting


def test_it_builds_scans_and_signs_and_then_asks_one_question(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    who = signing.signer(site.root.parent / "keys")
    for name, value in who.environment.items():
        monkeypatch.setenv(name, value)
    images_lock.write(site.root, {})

    code, said = site.call("run", "scan", "--engine", "docker")
    assert code == 0, said
    assert "no container engine here" in said
    assert "no container engine is asked for them" in said
    build = site.record("build")["outputs"]
    assert [(name, image["built"]) for name, image in build["images"].items()] == [("base", True), ("python", True)]
    base, top = build["images"].values()
    assert top["bytes"] - base["bytes"] == 2000, "what the new layer holds, whatever it is packed to"
    assert {name: one["what"] for name, one in build["signing"]["images"].items()} == {
        "base": ["image", "provenance"],
        "python": ["image", "provenance", "sbom"],
    }
    assert set(build["layers"].values()) == {"base image", "base"}
    parts = {part["name"]: part["status"] for part in site.record("scan")["outputs"]["parts"]}
    assert parts["vulnerabilities"] == "PASS"
    assert parts["image configuration"] in ("PASS", "FAIL"), "it was judged"
    locked = images_lock.read(site.root) or {}
    assert {one.digest for one in locked.values()} == {base["digest"], top["digest"]}

    verified, said = site.call("images", "verify", f"{top['ref']}@{top['digest']}")
    assert verified == 0, said

    (site.root / "train.py").write_text("print('trained again')\n")
    code, said = site.call("run", "scan", "--engine", "docker")
    assert code == 0, said
    assert not any(image["built"] for image in site.record("build")["outputs"]["images"].values())
    assert site.record("build")["outputs"]["images"]["python"]["bytes"] == top["bytes"]
    name, _, tag = top["ref"].partition("/")[2].rpartition(":")
    assert site.questions == [f"HEAD {name}/manifests/{tag}"]

    code, said = site.call("run", "check", "--engine", "docker")
    assert code == 3, said
    assert "no container engine answers here" in said


def test_pods_run_what_was_built_and_the_images_are_looked_into_where_they_are(
    site: Site, monkeypatch: pytest.MonkeyPatch, docker_host: str
) -> None:
    monkeypatch.setenv("MLOPS_CI_SCAN__SECRETS", "false")
    code, said = site.call("doctor")
    assert code == 0, said
    assert "no Docker engine listens" in said
    assert "none is needed to build, scan and sign" in said
    code, said = site.call("images", "explain", "--json")
    assert code == 0, said
    rows = json.loads(site.printed)
    assert [row["action"] for row in rows] == ["build", "build"]

    code, said = site.call("run", "build", "--engine", "inside")
    assert code == 0, said
    top = site.record("build")["outputs"]["images"]["python"]
    assert (top["built"], top["ref"].rpartition(":")[0]) == (True, f"{site.registry}/python")

    code, said = site.call("run", "check", "--engine", "inside")
    assert code == 2, said
    assert f"are for the image {top['ref']}@{top['digest']}" in said
    monkeypatch.setenv("MLOPS_IMAGE_DIGEST", "sha256:" + "f" * 64)
    code, said = site.call("run", "check", "--engine", "inside")
    assert code == 2, said
    assert "and this is sha256:ffff" in said
    monkeypatch.setenv("MLOPS_IMAGE_DIGEST", top["digest"])
    code, said = site.call("run", "check", "--engine", "inside")
    assert code == 0, said

    code, said = site.call("images", "size", "--json")
    assert code == 0, said
    base, python = json.loads(site.printed)
    assert (python["unpacked"], base["unpacked"] + python["unpacked"]) == (2000, top["bytes"])
    assert 0 < python["packed"] < python["unpacked"] < base["packed"] < base["unpacked"]

    code, said = site.call("images", "check", "--json")
    assert code == 1, said
    told = json.loads(site.printed)
    found = {one["rule"] for one in told[top["ref"]]}
    assert {"set-id", "init"} <= found, "Debian has such files, and nobody removed them"
    assert "user" not in found
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{WITH_DOCKER}")
    subprocess.run(["docker", "pull", "--quiet", top["ref"]], check=True, capture_output=True)
    try:
        engine = EngineStore(console=Console(Heard())).unpacked([top["ref"]])
        registry = RegistryStore(cache=site.root / ".mlops" / "cache").unpacked([top["ref"]])
        assert registry == (top["bytes"],)
        # This engine counts the names that links point to, too.
        assert registry[0] <= engine[0] < registry[0] * 1.001
    finally:
        subprocess.run(["docker", "image", "rm", "--force", top["ref"]], check=True, capture_output=True)
