"""The bake file and its folder: immutable names in, secrets only as mounts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.images import bake, sources
from mlops_ci.images.bake import PlanOutdatedError
from mlops_ci.images.builder import Builder
from mlops_ci.images.delivery import Delivery
from mlops_ci.images.plan import LayerPlan, plan_images
from support.image_projects import KnownImages, make_settings, write_wheel

SECRET = "hunter22hunter22"


@pytest.fixture
def packages(tmp_path: Path) -> sources.PackageSources:
    ca = tmp_path / "ca.pem"
    ca.write_text("a bundle")
    return sources.PackageSources(
        index=f"https://user:{SECRET}@mirror.invalid/simple",
        extra_indexes=("file:///only/here", "https://extra.invalid"),
        pages=(),
        folders=(),
        torch_index="https://torch.invalid/cpu",
        apt=f"https://user:{SECRET}@mirror.invalid",
        ca=ca,
        configured=True,
        configured_ca=None,
    )


def plans(root: Path, **image: object) -> dict[str, LayerPlan]:
    found = plan_images(make_settings(root, image=image), engine="docker", variant="cpu", lookup=KnownImages())
    return {plan.name: plan for plan in found}


def prepare(plan: LayerPlan, folder: Path, packages: sources.PackageSources, **more: object) -> bake.Bake:
    assert plan.spec is not None
    return bake.prepare(
        plan,
        plan.spec,
        folder=folder,
        parent={"BASE_IMAGE": "parent:c-1", "PARENT": "sha256:1"},
        packages=packages,
        below=more.get("below", ()),
        labels={"a": "b"},
        delivery=Delivery(output="type=docker"),
    )


def target(ready: bake.Bake) -> dict[str, object]:
    return json.loads(ready.file.read_text())["target"][ready.target]


def test_one_target_with_the_parent_and_the_immutable_tag(tmp_path: Path, packages: sources.PackageSources) -> None:
    plan = plans(tmp_path)["torch"]
    ready = prepare(plan, tmp_path / "b", packages)
    found = target(ready)
    assert plan.spec is not None
    assert found["args"] == {"SOURCE_DATE_EPOCH": str(plan.spec.time), "BASE_IMAGE": "parent:c-1", "PARENT": "sha256:1"}
    assert found["tags"] == [plan.ref]
    assert found["output"] == ["type=docker"]
    assert found["platforms"] == ["linux/amd64"]
    assert sorted(path.name for path in (tmp_path / "b" / "context").iterdir()) == [
        "compile.py",
        "pip-install.sh",
        "requirements.lock",
    ]


def test_secrets_are_private_files_and_nothing_else(tmp_path: Path, packages: sources.PackageSources) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    plan = plans(tmp_path, requirements="requirements.txt", apt=("git",))["requirements"]
    ready = prepare(plan, tmp_path / "b", packages)
    assert SECRET not in ready.file.read_text()
    named = dict(text.split(",src=") for text in target(ready)["secret"])
    assert set(named) == {"id=ca", "id=apt", "id=pip"}
    for name in ("id=apt", "id=pip"):
        path = Path(named[name])
        assert SECRET in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
    for path in (tmp_path / "b" / "context").rglob("*"):
        assert path.is_dir() or SECRET not in path.read_text()


def test_the_torch_index_is_named_only_when_needed(tmp_path: Path, packages: sources.PackageSources) -> None:
    found = plans(tmp_path)
    torch, train = found["torch"].spec, found["train"].spec
    assert torch is not None
    assert train is not None
    assert "https://torch.invalid/cpu" in bake.pip_configuration(torch, packages, ())
    assert "https://torch.invalid/cpu" not in bake.pip_configuration(torch, packages, (Path("torch-2.13.0-x.whl"),))
    assert "https://torch.invalid/cpu" not in bake.pip_configuration(train, packages, ())
    (tmp_path / "requirements.txt").write_text("torchvision\n")
    user = plans(tmp_path, requirements="requirements.txt")["requirements"].spec
    assert user is not None
    text = bake.pip_configuration(user, packages, ())
    assert "https://torch.invalid/cpu" in text
    assert "file://" not in text


def test_wheels_of_local_folders_travel_with_the_context(tmp_path: Path, packages: sources.PackageSources) -> None:
    wheel = write_wheel(tmp_path / "w", "mine", "1.0", files={"mine.py": ""})
    write_wheel(tmp_path / "w", "torch", "2.13.0", files={"torch.py": ""})
    (tmp_path / "requirements.txt").write_text("mine\n")
    plan = plans(tmp_path, requirements="requirements.txt")["requirements"]
    with_folder = replace(packages, folders=(tmp_path / "w",))
    prepare(plan, tmp_path / "b", with_folder, below=["torch"])
    staged = list((tmp_path / "b" / "context" / "wheels").iterdir())
    assert [path.name for path in staged] == [wheel.name]
    assert "find-links =\n    /run/context/wheels" in (tmp_path / "b" / "pip").read_text()


def test_the_users_context_stays_where_it_is(tmp_path: Path, packages: sources.PackageSources) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY a /a\n")
    (tmp_path / "a").write_text("a")
    ready = prepare(plans(tmp_path, dockerfile="Dockerfile")["project"], tmp_path / "b", packages)
    assert target(ready)["context"] == str(tmp_path)
    assert (tmp_path / "b" / "Dockerfile").read_bytes() == (tmp_path / "Dockerfile").read_bytes()
    assert (tmp_path / "b" / "Dockerfile.dockerignore").read_text() == ".git\n.mlops\n"
    assert tmp_path in ready.reads


def test_a_file_that_changed_after_planning_is_refused(tmp_path: Path, packages: sources.PackageSources) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY a /a\n")
    (tmp_path / "a").write_text("a")
    plan = plans(tmp_path, dockerfile="Dockerfile")["project"]
    (tmp_path / "a").write_text("changed")
    with pytest.raises(PlanOutdatedError) as caught:
        prepare(plan, tmp_path / "b", packages)
    assert caught.value.exit_code == 2


def test_permissions_are_asked_for_only_where_the_builder_knows_them() -> None:
    paths = (Path("/a"), Path("/b"), Path("/a"))
    assert Builder(version="0.13", entitlements=False).allow(paths) == []
    assert Builder(version="0.29", entitlements=True).allow(paths) == ["--allow=fs.read=/a", "--allow=fs.read=/b"]
