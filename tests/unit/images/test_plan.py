"""What is planned: names, keys, one question per image, and reasons."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_ci.engines.inside_image import ImagePython
from mlops_ci.images import catalogue, host_python
from mlops_ci.images.base_image import MirrorError
from mlops_ci.images.host_python import PythonUnsupportedError
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import LayerPlan, plan_images, remember
from mlops_ci.images.user_layers import HostDockerfileError
from support.image_projects import KnownImages, make_settings

FOUND = ImageFacts(digest="sha256:" + "a" * 64, bytes=1, layers=("x",))


def plan(
    root: Path, lookup: KnownImages | None = None, *, engine: str = "docker", **settings: object
) -> dict[str, LayerPlan]:
    made = make_settings(root, **settings)
    plans = plan_images(made, engine=engine, variant="cpu", lookup=lookup or KnownImages())
    return {item.name: item for item in plans}


def keys(plans: dict[str, LayerPlan]) -> dict[str, str]:
    return {name: item.content_key for name, item in plans.items()}


def test_layers_parents_and_names(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    plans = plan(tmp_path, image={"requirements": "requirements.txt", "dockerfile": "Dockerfile"})
    assert {name: item.parent for name, item in plans.items()} == {
        "base": None,
        "python": "base",
        "torch": "python",
        "train": "torch",
        "requirements": "train",
        "project": "requirements",
    }
    for name, item in plans.items():
        owner = "demo/" if name in ("requirements", "project") else ""
        assert item.ref == f"mlops-ci/{owner}{name}:c-{item.content_key[:20]}"
        assert item.action == "build"
        assert item.why == "it does not exist yet"


def test_the_key_names_no_place_and_no_time(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "elsewhere"
    for root in (one, two):
        root.mkdir()
        (root / "requirements.txt").write_text("numpy\n")
    first = plan(one, image={"requirements": "requirements.txt"})
    second = plan(two, image={"requirements": "requirements.txt"})
    assert keys(first) == keys(second)
    assert str(tmp_path) not in json.dumps([dict(item.document) for item in first.values()])


def test_what_changes_a_layer_changes_those_above_and_none_below(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    before = keys(plan(tmp_path, image={"requirements": "requirements.txt"}))
    (tmp_path / "requirements.txt").write_text("numpy<3\n")
    after = keys(plan(tmp_path, image={"requirements": "requirements.txt"}))
    assert {name for name in before if before[name] != after[name]} == {"requirements"}
    other_base = keys(
        plan(tmp_path, mirrors={"images": {"debian:bookworm-slim": "m.invalid/debian@sha256:" + "1" * 64}})
    )
    assert all(other_base[name] != before[name] for name in ("base", "python", "torch", "train"))


def test_code_of_the_project_changes_no_image(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY requirements.txt /\n")
    image = {"dockerfile": "Dockerfile"}
    before = keys(plan(tmp_path, image=image))
    (tmp_path / "train.py").write_text("print(1)\n")
    assert keys(plan(tmp_path, image=image)) == before
    (tmp_path / "requirements.txt").write_text("scipy\n")
    assert keys(plan(tmp_path, image=image))["project"] != before["project"]


def test_addresses_and_credentials_of_mirrors_are_not_in_the_key(tmp_path: Path) -> None:
    plain = keys(plan(tmp_path))
    mirrors = {
        "index": "https://user:secret@mirror.invalid/simple",
        "torch_index": "https://user:secret@mirror.invalid/torch",
        "apt": "https://mirror.invalid",
    }
    assert keys(plan(tmp_path, mirrors=mirrors)) == plain


def test_a_mirror_of_the_same_digest_gives_the_same_images(tmp_path: Path) -> None:
    base = catalogue.load().base
    mirrored = plan(tmp_path, mirrors={"images": {base.name: f"m.invalid/hub/debian@{base.digest}"}})
    assert keys(mirrored) == keys(plan(tmp_path))
    spec = mirrored["base"].spec
    assert spec is not None
    assert spec.base is not None
    assert spec.base.ref == f"m.invalid/hub/debian@{base.digest}"


def test_a_mirror_by_tag_is_resolved_to_what_it_holds(tmp_path: Path) -> None:
    digest = "sha256:" + "b" * 64
    lookup = KnownImages(
        {"m.invalid/debian:12": ImageFacts(digest=digest), "debian-here:12": ImageFacts(digest=digest)}
    )
    hosted = plan(tmp_path, lookup, mirrors={"images": {"debian:bookworm-slim": "m.invalid/debian:12"}})["base"].spec
    local = plan(tmp_path, lookup, mirrors={"images": {"debian:bookworm-slim": "debian-here:12"}})["base"].spec
    assert hosted is not None
    assert local is not None
    assert hosted.base is not None
    assert local.base is not None
    assert hosted.base.ref == f"m.invalid/debian:12@{digest}"
    assert (local.base.ref, local.base.alias_of) == (
        "mlops-ci/mirror/debian-bookworm-slim:c-" + "b" * 20,
        "debian-here:12",
    )


@pytest.mark.parametrize(
    ("images", "text"),
    [
        ({"debian:bookworm": "x"}, "did you mean `debian:bookworm-slim`"),
        ({"debian:bookworm-slim": "m.invalid/none:1"}, "does not exist in the registry m.invalid"),
        ({"debian:bookworm-slim": "none:1"}, "does not exist in the container engine"),
    ],
)
def test_wrong_mirrors(tmp_path: Path, images: dict[str, str], text: str) -> None:
    with pytest.raises(MirrorError, match=text) as caught:
        plan(tmp_path, mirrors={"images": images})
    assert caught.value.exit_code == 2


def test_one_question_when_the_top_exists(tmp_path: Path) -> None:
    top = plan(tmp_path)["train"].ref
    lookup = KnownImages({top: FOUND})
    plans = plan(tmp_path, lookup)
    assert lookup.asked == [top]
    assert [item.action for item in plans.values()] == ["reuse"] * 4
    assert plans["train"].found == FOUND
    assert plans["base"].why == "train on top of it exists"


def test_questions_go_down_to_what_exists(tmp_path: Path) -> None:
    refs = {name: item.ref for name, item in plan(tmp_path).items()}
    lookup = KnownImages({refs["torch"]: FOUND})
    plans = plan(tmp_path, lookup)
    assert lookup.asked == [refs["train"], refs["torch"]]
    assert {name: item.action for name, item in plans.items()} == {
        "base": "reuse",
        "python": "reuse",
        "torch": "reuse",
        "train": "build",
    }


def test_the_reason_for_a_build_is_what_changed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    image = {"requirements": "requirements.txt"}
    first = plan(tmp_path, image=image)["requirements"]
    remember(tmp_path / ".mlops" / "cache", first)
    assert plan(tmp_path, image=image)["requirements"].why == "it does not exist any more"
    (tmp_path / "requirements.txt").write_text("scipy\n")
    changed = plan(tmp_path, image={**image, "apt": ("git",)})["requirements"]
    assert (
        changed.why
        == "changed: argument APT_PACKAGES: nothing -> git, file files/requirements.txt: its content changed"
    )


def test_the_registry_is_in_the_name_and_not_in_the_key(tmp_path: Path) -> None:
    local, shared = plan(tmp_path), plan(tmp_path, image={"registry": "ghcr.io/org"})
    assert keys(local) == keys(shared)
    assert shared["train"].ref == f"ghcr.io/org/train:c-{shared['train'].content_key[:20]}"


def test_images_of_others_without_digest_are_warned_about(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM node:20 AS web\nFROM ${BASE_IMAGE}\n")
    warnings = plan(tmp_path, image={"dockerfile": "Dockerfile"})["project"].warnings
    assert warnings == (
        "Dockerfile:2: `node:20` has no digest, so it may change without a rebuild; write NAME@sha256:...",
    )


def test_host_environments_are_named_by_their_key(tmp_path: Path) -> None:
    plans = plan(tmp_path, engine="host")
    for name, item in plans.items():
        assert item.ref == f"env:{tmp_path}/.mlops/cache/environments/{name}-{item.content_key[:16]}"
        assert item.document["engine"] == "host"
    assert keys(plans) != keys(plan(tmp_path))


def test_host_keys_depend_on_the_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(plan(tmp_path, engine="host"))
    monkeypatch.setattr(host_python, "identity", lambda: "CPython 3.99.0 linux-x86_64")
    assert keys(plan(tmp_path, engine="host"))["base"] != before["base"]


def test_host_says_what_it_cannot_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    with pytest.raises(HostDockerfileError) as caught:
        plan(tmp_path, engine="host", image={"dockerfile": "Dockerfile"})
    assert caught.value.exit_code == 2
    warned = plan(tmp_path, engine="host", image={"apt": ("git", "ffmpeg")})
    assert list(warned) == ["base", "torch", "train"]
    assert warned["train"].warnings == ("the host engine installs no Debian packages: git, ffmpeg must be here",)


@pytest.mark.parametrize(("version", "warned"), [((3, 11, 7), False), ((3, 12, 1), True)])
def test_a_python_without_known_hash_is_warned_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], warned: bool
) -> None:
    monkeypatch.setattr(host_python, "version", lambda: f"{version[0]}.{version[1]}")
    monkeypatch.setattr(host_python.platform, "machine", lambda: "x86_64")
    warnings = plan(tmp_path, engine="host")["torch"].warnings
    assert bool(warnings) is warned
    assert all("no hash of torch 2.13.0+cpu for Python 3.12" in text for text in warnings)


@pytest.mark.parametrize(
    ("attribute", "value"), [("version_info", SimpleNamespace(major=3, minor=10)), ("platform", "darwin")]
)
def test_unsupported_pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str, value: object) -> None:
    monkeypatch.setattr(
        host_python, "sys", SimpleNamespace(**{"version_info": sys.version_info, "platform": "linux", attribute: value})
    )
    with pytest.raises(PythonUnsupportedError) as caught:
        plan(tmp_path, engine="host")
    assert caught.value.exit_code == 3


@pytest.fixture
def python_around_us(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what the image's Python would say of itself."""

    def install(*packages: str) -> None:
        found = ImagePython(path=Path("/usr/bin/python3"), version="3.11.2", folder="/lib", packages=packages)
        monkeypatch.setattr("mlops_ci.images.plan.image_python", lambda path: found)

    monkeypatch.delenv("MLOPS_IMAGE_DIGEST", raising=False)
    monkeypatch.delenv("MLOPS_JOB_IMAGE", raising=False)
    return install


def test_inside_uses_the_image_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python_around_us: Callable[..., None]
) -> None:
    python_around_us()
    monkeypatch.setenv("MLOPS_IMAGE_DIGEST", "sha256:" + "c" * 64)
    lookup = KnownImages()
    (item,) = plan(tmp_path, lookup, engine="inside").values()
    assert (item.ref, item.action, lookup.asked) == ("inside@sha256:" + "c" * 64, "reuse", [])
    assert item.warnings == ()
    monkeypatch.setenv("MLOPS_IMAGE_DIGEST", "sha256:" + "d" * 64)
    (other,) = plan(tmp_path, engine="inside").values()
    assert other.content_key != item.content_key


def test_inside_an_image_that_nobody_named_its_content_is_the_key(
    tmp_path: Path, python_around_us: Callable[..., None]
) -> None:
    python_around_us("torch-2.9.dist-info")
    (item,) = plan(tmp_path, engine="inside").values()
    assert item.ref == "inside"
    assert "pin the job's image by its digest" in item.warnings[0]
    (same,) = plan(tmp_path, engine="inside").values()
    assert same.content_key == item.content_key
    python_around_us("torch-2.10.dist-info")
    (other,) = plan(tmp_path, engine="inside").values()
    assert other.content_key != item.content_key


def test_a_new_period_changes_the_lowest_image(tmp_path: Path) -> None:
    monthly = plan(tmp_path)
    assert plan(tmp_path, image={"freshness": "never"})["base"].content_key != monthly["base"].content_key
    assert monthly["base"].document["args"]["PERIOD"]


def test_a_site_without_a_network_keeps_the_period_of_its_images(tmp_path: Path) -> None:
    fixed = plan(tmp_path, mirrors={"period": "2020-01"})
    spec = fixed["base"].spec
    assert spec is not None
    assert spec.args == {"PERIOD": "2020-01"}
    assert keys(fixed) == keys(plan(tmp_path, mirrors={"period": "2020-01"}))
    assert keys(fixed)["base"] != keys(plan(tmp_path))["base"]
