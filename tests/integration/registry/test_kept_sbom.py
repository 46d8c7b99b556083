"""The SBOM that build keeps beside an image is what a rescan on another machine finds."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
from mlops_ci.stages.kept_sboms import NoSbomError, find_kept
from mlops_ci.stages.sboms import KIND, Beside, keep, settled
from support.heard import Heard
from support.signing import client, signer


@pytest.fixture
def own_image(
    image_registry: str, mirrored_base_image: str, docker_host: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """An image that no other test keeps anything beside."""
    ref = f"{image_registry}/kept/{uuid.uuid4().hex[:12]}:1"
    context = tmp_path_factory.mktemp("context")
    (context / "Dockerfile").write_text(f"FROM {mirrored_base_image}\nLABEL id={ref}\n")
    environment = {"DOCKER_HOST": docker_host, "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": "/root"}
    docker = shutil.which("docker") or "docker"
    subprocess.run([docker, "build", "-q", "-t", ref, str(context)], check=True, env=environment)
    subprocess.run([docker, "push", "-q", ref], check=True, env=environment)
    subprocess.run([docker, "image", "rm", "-f", ref], check=True, env=environment)
    return ref


def session(folder: Path, ref: str, signing: SigningSettings = SigningSettings(), extra: Any = None) -> SimpleNamespace:
    """What these functions use of a session."""
    tables = SimpleNamespace(image=ImageSettings(registry="localhost/x"), mirrors=MirrorSettings(), signing=signing)
    plan = SimpleNamespace(ref=ref, name="train", content_key="k" * 64)
    return SimpleNamespace(
        engine=SimpleNamespace(name="docker"),
        image_engine="docker",
        made_elsewhere=False,
        settings=SimpleNamespace(tables=tables, root=folder, governance=Governance()),
        environ={},
        console=Console(sink=Heard()),
        resolution=SimpleNamespace(top=plan, images=(plan,), extra=extra),
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
    assert keep(session(tmp_path, own_image), {"train": image}, "train", [sbom], {"sha256:a": "base image"}).lost == ""
    (found,) = find_kept(session(machine, own_image))
    assert found.path.read_bytes() == sbom.read_bytes()
    assert found.layers == {"sha256:a": "base image"}
    assert (found.target.kind, found.target.ref) == ("image", own_image)


def test_where_images_must_be_signed_their_sboms_must_be(tmp_path: Path, own_image: str) -> None:
    sbom = tmp_path / "train.cdx.json"
    sbom.write_text('{"bomFormat": "CycloneDX"}')
    image = BuiltImage(ref=own_image, digest="d", content_key="k" * 64, built=True, bytes=1, seconds=1.0)
    assert keep(session(tmp_path, own_image), {"train": image}, "train", [sbom], {}).lost == ""
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
    kept = keep(session(tmp_path, image.ref), {"train": image}, "train", [sbom], {})
    assert "no rescan finds it" in kept.lost


def test_a_build_that_was_killed_before_it_kept_it_is_healed_by_the_next_run(tmp_path: Path, own_image: str) -> None:
    """The image is in the registry and nothing is beside it: nobody builds it again, so a later run must see to it."""
    sbom = tmp_path / "train.cdx.json"
    sbom.write_text('{"bomFormat": "CycloneDX"}')
    digest = str(client(tmp_path).head(own_image))
    found = BuiltImage(ref=own_image, digest=digest, content_key="k" * 64, built=False, bytes=1, seconds=0.0)
    below = {"sha256:a": "base image"}
    next_run = session(tmp_path, own_image)
    beside = keep(next_run, {"train": found}, "train", [sbom], below)
    assert (len(beside.own), beside.lost) == (1, "")
    machine = tmp_path / "other"
    (machine / ".mlops" / "runs").mkdir(parents=True)
    (kept,) = find_kept(session(machine, own_image))
    assert kept.path.read_bytes() == sbom.read_bytes()
    assert kept.layers == below
    # Killed before it signed: what it has put there is still its own to sign.
    assert keep(next_run, {"train": found}, "train", [sbom], below) == beside
    settled(next_run, found, beside)
    # What another machine finds is not its own, whatever it would have written itself.
    sbom.write_text('{"bomFormat": "CycloneDX", "version": 2}')
    elsewhere = session(machine, own_image)
    assert keep(elsewhere, {"train": found}, "train", [sbom], below) == Beside()
    assert len(client(tmp_path).beside(own_image, kind=KIND)) == 1
    # And once all is well the registry is asked nothing.
    settled(elsewhere, found, Beside())
    gone = BuiltImage(**{**vars(found), "ref": "127.0.0.1:9/a:1"})
    settled(elsewhere, gone, Beside())
    assert keep(elsewhere, {"train": gone}, "train", [sbom], below) == Beside()


def test_packages_over_the_image_have_an_sbom_of_their_own(tmp_path: Path, own_image: str) -> None:
    sbom, over = tmp_path / "train.cdx.json", tmp_path / "extra.cdx.json"
    sbom.write_text('{"bomFormat": "CycloneDX"}')
    over.write_text('{"bomFormat": "CycloneDX", "version": 1}')
    image = BuiltImage(ref=own_image, digest="sha256:d", content_key="k" * 64, built=True, bytes=1, seconds=1.0)
    lock = SimpleNamespace(digest="1" * 64, lock=SimpleNamespace(name="extra.lock"))
    with_extra = session(tmp_path, own_image, extra=lock)
    beside = keep(with_extra, {"train": image}, "train", [sbom], {}, [over])
    assert len(beside.own) == 2
    settled(with_extra, image, beside)
    machine = tmp_path / "other"
    (machine / ".mlops" / "runs").mkdir(parents=True)
    packages, top = find_kept(session(machine, own_image, extra=lock))
    assert packages.path.read_bytes() == over.read_bytes()
    assert (packages.target.kind, packages.target.name) == ("environment", "extra")
    assert top.path.read_bytes() == sbom.read_bytes()
    # Another lock over the same image: nobody has scanned that yet, and a rescan of less than what runs is none.
    other = SimpleNamespace(digest="2" * 64, lock=SimpleNamespace(name="extra.lock"))
    with pytest.raises(NoSbomError, match=r"packages of extra\.lock") as caught:
        find_kept(session(machine, own_image, extra=other))
    assert caught.value.exit_code == 4
    reused = BuiltImage(**{**vars(image), "built": False})
    over.write_text('{"bomFormat": "CycloneDX", "version": 2}')
    again = keep(session(tmp_path, own_image, extra=other), {"train": reused}, "train", [sbom], {}, [over])
    assert len(again.own) == 1, "the image's own is there"
    assert find_kept(session(machine, own_image, extra=other))[0].path.read_bytes() == over.read_bytes()
