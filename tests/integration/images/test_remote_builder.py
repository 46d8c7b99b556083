"""A BuildKit that is not the engine. By the driver `remote` it builds and pushes, and each layer is on its parent.

By the driver `kubernetes` it is asked for as far as that goes without a cluster: a stand-in of its API server.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.commands.doctor import Finding, builders, configured
from mlops_ci.images import catalogue
from mlops_ci.images.abilities import BuilderUnreachableError
from mlops_ci.images.lookup import DockerLookup
from mlops_ci.registry.client import Registry
from support.image_builds import ImageProject
from support.image_projects import copy_catalogue
from support.registry_stub import Answer, Question, stub_registry
from support.remote_buildkit import made_builder, remote_builder

Docker = Callable[..., str]
NOT_LET_IN = 'deployments.apps is forbidden: User "ci" cannot create resource "deployments"'
SMALL = (
    "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nARG SOURCE_DATE_EPOCH\nRUN mkdir -p /opt/layers && touch /opt/layers/LAYER\n"
)


def test_a_remote_buildkit_builds_and_pushes_what_the_engine_then_runs(
    project: ImageProject,
    docker: Docker,
    docker_host_containerd: str,
    image_registry: str,
    mirrored_base_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The BuildKit is that of another engine, which has neither our images nor our base image."""
    small = copy_catalogue(tmp_path / "catalogue")
    for layer in ("base", "python"):
        (small / layer / "Dockerfile").write_text(SMALL.replace("LAYER", layer))
    known = catalogue.load(small)
    monkeypatch.setattr(catalogue, "load", lambda: known)
    mirrored = replace(project, mirrors={"images": {catalogue.load().base.name: mirrored_base_image}})
    registry = f"{image_registry}/{project.name}-{secrets.token_hex(4)}"
    with remote_builder(tmp_path / "b.sock", docker_host_containerd) as builder:
        _, shown = builders_of(tmp_path, builder, monkeypatch)
        assert (shown.status, shown.detail.count("yes")) == ("ok", 3)
        built = mirrored.build(layer="python", registry=registry, builder=builder)
        assert [image.built for image in built.images.values()] == [True, True]
        for image in built.images.values():
            there = DockerLookup()(image.ref)
            assert there is not None
            assert there.digest == image.digest
            manifest = Registry().manifest(image.ref)
            assert manifest is not None
            assert b"layer.v1.tar+zstd" in manifest.data
        docker("pull", "--quiet", built.ref)
        assert docker("run", "--rm", built.ref, "ls", "/opt/layers").split() == ["base", "python"]
        again = mirrored.build(layer="python", registry=registry, builder=builder)
        assert not any(image.built for image in again.images.values())


def test_a_cluster_that_does_not_let_us_in_is_said_and_tried_again(
    project: ImageProject,
    image_registry: str,
    mirrored_base_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = "image=registry.example.com/buildkit:rootless,rootless=true,namespace=ci"
    mirrored = replace(project, mirrors={"images": {catalogue.load().base.name: mirrored_base_image}})
    with stub_registry(_cluster) as cluster:
        (tmp_path / "kubeconfig").write_text(json.dumps(_kubeconfig(f"http://{cluster.host}")))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        with made_builder("--driver", "kubernetes", "--driver-opt", options) as builder:
            _, shown = builders_of(tmp_path, builder, monkeypatch)
            assert shown.status == "lack"
            assert NOT_LET_IN in shown.detail
            assert f"docker buildx inspect --bootstrap {builder}" in shown.fix
            for _ in range(2):
                cluster.questions.clear()
                with pytest.raises(BuilderUnreachableError, match="does not build"):
                    mirrored.build(layer="base", registry=f"{image_registry}/{builder}", builder=builder)
                wished = [one for one in cluster.questions if one.method == "POST"]
                assert {one.path for one in wished} == {"/apis/apps/v1/namespaces/ci/deployments"}
                assert all("registry.example.com/buildkit:rootless" in one.body for one in wished)


def _cluster(question: Question) -> Answer:
    """There is nothing yet, and nobody may change that."""
    code, reason = (403, "Forbidden") if question.method == "POST" else (404, "NotFound")
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": NOT_LET_IN, "reason": reason}
    return Answer(
        status=code, headers={"Content-Type": "application/json"}, body=json.dumps({**said, "code": code}).encode()
    )


def _kubeconfig(server: str) -> dict[str, object]:
    one = {"name": "ci", "context": {"cluster": "ci", "user": "ci", "namespace": "ci"}}
    known = {"clusters": [{"name": "ci", "cluster": {"server": server}}], "users": [{"name": "ci", "user": {}}]}
    return {"apiVersion": "v1", "kind": "Config", "contexts": [one], "current-context": "ci", **known}


def builders_of(folder: Path, builder: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Finding, ...]:
    """What `doctor` says of the builders in a repository that names one."""
    image = f'[image]\nbuilder = "{builder}"\nregistry = "localhost:1/images"\n'
    (folder / "mlops.toml").write_text(f'{image}[train]\ncommand = "python train.py"\n')
    monkeypatch.chdir(folder)
    return tuple(builders(configured()))
