"""The SBOM that build keeps beside an image is what a rescan on another machine finds."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_ci.console import Console
from mlops_ci.records.build import BuiltImage
from mlops_ci.registry.reference import repository
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.governance import Governance
from mlops_ci.settings.image import ImageSettings
from mlops_ci.settings.mirrors import MirrorSettings
from mlops_ci.settings.signing import SigningSettings
from mlops_ci.signing.errors import UnsignedImageError
from mlops_ci.stages.sboms import KIND, NoSbomError, find_kept, keep
from support.heard import Heard
from support.signing import client, signer


@pytest.fixture
def own_image(image_registry: str, mirrored_base_image: str, docker_host: str) -> str:
    """An image that no other test keeps anything beside."""
    ref = f"{image_registry}/kept/{uuid.uuid4().hex[:12]}:1"
    lines = f"FROM {mirrored_base_image}\nLABEL id={ref}\n"
    environment = {"DOCKER_HOST": docker_host, "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": "/root"}
    docker = shutil.which("docker") or "docker"
    subprocess.run([docker, "build", "-q", "-t", ref, "-"], input=lines.encode(), check=True, env=environment)
    subprocess.run([docker, "push", "-q", ref], check=True, env=environment)
    subprocess.run([docker, "image", "rm", "-f", ref], check=True, env=environment)
    return ref


def session(folder: Path, ref: str, signing: SigningSettings = SigningSettings()) -> SimpleNamespace:
    """What these functions use of a session."""
    tables = SimpleNamespace(image=ImageSettings(registry="localhost/x"), mirrors=MirrorSettings(), signing=signing)
    plan = SimpleNamespace(ref=ref, name="train", content_key="k" * 64)
    return SimpleNamespace(
        engine=SimpleNamespace(name="docker"),
        settings=SimpleNamespace(tables=tables, root=folder, governance=Governance()),
        environ={},
        console=Console(sink=Heard()),
        resolution=SimpleNamespace(top=plan, images=(plan,)),
        run=SimpleNamespace(path=lambda name: folder / name),
        workspace=Workspace(root=folder),
    )


def test_another_machine_finds_it(tmp_path: Path, own_image: str) -> None:
    sbom = tmp_path / "train.cdx.json"
    sbom.write_text('{"bomFormat": "CycloneDX"}')
    image = BuiltImage(ref=own_image, digest="d", content_key="k" * 64, built=True, bytes=1, seconds=1.0)
    machine = tmp_path / "other"
    (machine / ".mlops" / "runs").mkdir(parents=True)
    with pytest.raises(NoSbomError) as caught:
        find_kept(session(machine, own_image))
    assert "[image] registry" in caught.value.hint
    with pytest.raises(NoSbomError) as never_pushed:
        find_kept(session(machine, f"{own_image}-never"))
    assert never_pushed.value.exit_code == 4, "asking again would change nothing"
    assert keep(session(tmp_path, own_image), {"train": image}, "train", [sbom], {"sha256:a": "base image"}) == ""
    (found,) = find_kept(session(machine, own_image))
    assert found.path.read_bytes() == sbom.read_bytes()
    assert found.layers == {"sha256:a": "base image"}
    assert (found.target.kind, found.target.ref) == ("image", own_image)


def test_where_images_must_be_signed_their_sboms_must_be(tmp_path: Path, own_image: str) -> None:
    sbom = tmp_path / "train.cdx.json"
    sbom.write_text('{"bomFormat": "CycloneDX"}')
    image = BuiltImage(ref=own_image, digest="d", content_key="k" * 64, built=True, bytes=1, seconds=1.0)
    assert keep(session(tmp_path, own_image), {"train": image}, "train", [sbom], {}) == ""
    who = signer(tmp_path / "signer")
    asked = session(tmp_path, own_image, SigningSettings(public_key=str(who.public), required="verify"))
    with pytest.raises(UnsignedImageError, match="the SBOM") as caught:
        find_kept(asked)
    assert caught.value.exit_code == 1
    registry = client(tmp_path)
    kept = registry.beside(own_image, kind=KIND)[-1]["digest"]
    who.signs(registry).sign(f"{repository(own_image)}@{kept}")
    (found,) = find_kept(asked)
    assert found.path.read_bytes() == sbom.read_bytes()


def test_a_registry_that_cannot_keep_it_fails_no_build(tmp_path: Path) -> None:
    sbom = tmp_path / "train.cdx.json"
    sbom.write_text("{}")
    image = BuiltImage(ref="127.0.0.1:9/a:1", digest="d", content_key="k", built=True, bytes=1, seconds=1.0)
    said = keep(session(tmp_path, image.ref), {"train": image}, "train", [sbom], {})
    assert "no rescan finds it" in said
