"""The layers of the user: what is refused before anything is built, and what their keys depend on."""

import os
from pathlib import Path

import pytest

from mlops_ci.images.dockerfile_rules import BuildArgumentError, MovingTagError
from mlops_ci.images.layers import PendingLockError
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import LayerPlan, plan_images
from mlops_ci.images.requirements_file import RequirementsFileError
from mlops_ci.images.user_layers import ExternalImageError
from support.image_projects import KnownImages, make_settings

HEAD = "ARG BASE_IMAGE\n"
ON_TOP = "FROM ${BASE_IMAGE}\n"


def plan(
    root: Path, lookup: KnownImages | None = None, *, variant: str = "cpu", engine: str = "docker", **image: object
) -> dict[str, LayerPlan]:
    settings = make_settings(root, image=image)
    plans = plan_images(settings, engine=engine, variant=variant, lookup=lookup or KnownImages())
    return {one.name: one for one in plans}


@pytest.fixture
def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that git does not know."""
    monkeypatch.setattr("mlops_ci.run.lineage._git", lambda *_: None)


def dockerfile(root: Path, text: str) -> str:
    (root / "Dockerfile").write_text(text)
    return "Dockerfile"


@pytest.mark.parametrize("name", ["environment.yml", "env/conda.yaml", "environment-gpu.yml"])
def test_an_environment_of_conda_is_refused_with_a_way_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequirementsFileError, match="is an environment of conda") as caught:
        plan(tmp_path, requirements=name)
    assert "requirements.txt" in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}{ON_TOP}ARG VERSION\nRUN install $VERSION\n",
        f"{HEAD}ARG VERSION\nFROM node:${{VERSION}}\n{ON_TOP}",
    ],
)
def test_a_build_argument_that_nobody_sets(tmp_path: Path, text: str) -> None:
    with pytest.raises(BuildArgumentError, match="the build argument `VERSION` has no default") as caught:
        plan(tmp_path, dockerfile=dockerfile(tmp_path, text))
    assert caught.value.exit_code == 2
    assert caught.value.cause.startswith("Dockerfile:")


@pytest.mark.parametrize(
    "lines",
    [
        "ARG VERSION=1\nRUN install $VERSION\n",
        "ARG TARGETARCH\nRUN echo $TARGETARCH\n",
        "ARG http_proxy\nRUN echo $http_proxy\n",
        "ARG UNUSED\nRUN true\n",
        "ARG MAYBE\nRUN echo ${MAYBE:-none}\n",
    ],
)
def test_build_arguments_that_are_set_or_not_needed(tmp_path: Path, lines: str) -> None:
    assert "project" in plan(tmp_path, dockerfile=dockerfile(tmp_path, f"{HEAD}{ON_TOP}{lines}"))


@pytest.mark.parametrize("image", ["node:latest", "node", "registry.invalid/team/tool"])
def test_latest_is_no_version(tmp_path: Path, image: str) -> None:
    with pytest.raises(MovingTagError, match=r"Dockerfile:2: .*tomorrow that is another image") as caught:
        plan(tmp_path, dockerfile=dockerfile(tmp_path, f"{HEAD}FROM {image} AS tool\n{ON_TOP}"))
    assert caught.value.exit_code == 2


def test_a_mirror_by_latest(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, mirrors={"images": {"debian:bookworm-slim": "m.invalid/debian:latest"}})
    with pytest.raises(MovingTagError, match=r"\[mirrors\] images"):
        plan_images(settings, engine="docker", variant="cpu", lookup=KnownImages())


def test_what_was_asked_for_is_what_is_built_from(tmp_path: Path) -> None:
    name = dockerfile(tmp_path, f"{HEAD}FROM r.invalid/tool:1 AS tool\n{ON_TOP}COPY --from=r.invalid/tool:1 /x /y\n")
    keys = []
    for letter in "ab":
        digest = f"sha256:{letter * 64}"
        lookup = KnownImages({"r.invalid/tool:1": ImageFacts(digest=digest)})
        found = plan(tmp_path, lookup, dockerfile=name)["project"]
        assert found.spec is not None
        assert found.spec.dockerfile.decode().count(f"r.invalid/tool:1@{digest}") == 2
        assert found.warnings == ()
        keys.append(found.content_key)
    assert keys[0] != keys[1]
    with pytest.raises(ExternalImageError, match=r"Dockerfile:2: the image `r\.invalid/tool:1` does not exist"):
        plan(tmp_path, dockerfile=name)


def test_a_job_that_may_not_ask_goes_on_without_the_digest(tmp_path: Path) -> None:
    name = dockerfile(tmp_path, f"{HEAD}FROM r.invalid/tool:1 AS tool\n{ON_TOP}")
    settings = make_settings(tmp_path, image={"dockerfile": name})
    plans = plan_images(settings, engine="docker", variant="cpu", lookup=KnownImages(), strict=False)
    assert "has no digest" in plans[-1].warnings[0]


def test_the_code_is_a_layer_on_top_when_asked_for(tmp_path: Path, no_git: None) -> None:
    program = tmp_path / "train.py"
    program.write_text("print(1)\n")
    before = plan(tmp_path, code=True)
    assert list(before) == ["base", "python", "torch", "train", "code"]
    program.chmod(0o755)
    executable = plan(tmp_path, code=True)
    program.write_text("print(2)\n")
    changed = plan(tmp_path, code=True)
    keys = [one["code"].content_key for one in (before, executable, changed)]
    assert len(set(keys)) == 3
    assert before["train"].content_key == changed["train"].content_key


def test_files_of_the_code_keep_mode_and_links(tmp_path: Path, no_git: None) -> None:
    (tmp_path / "run.sh").write_text("true\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "link").symlink_to("run.sh")
    spec = plan(tmp_path, code=True)["code"].spec
    assert spec is not None
    for file in spec.files:
        file.write(tmp_path / f"copy-{Path(file.path).name}")
    assert os.access(tmp_path / "copy-run.sh", os.X_OK)
    assert os.readlink(tmp_path / "copy-link") == "run.sh"


def test_locks_that_do_not_exist_yet_are_said_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(PendingLockError, match=r"PyTorch 2\.9 for cu126 has no locks yet: .* own index") as caught:
        plan(tmp_path, variant="cu126", torch="2.9")
    assert caught.value.exit_code == 3


def test_what_a_lock_lacks_is_said(tmp_path: Path) -> None:
    warnings = plan(tmp_path, layer="vision")["vision"].warnings
    assert warnings == ("the layer vision has no torchvision 0.28.0+cpu in the variant cpu: not locked yet",)
    (warning,) = plan(tmp_path, variant="cu128", torch="2.9", layer="devel")["devel"].warnings
    assert warning == "the layer devel in the variant cu128 has no nvcc: NVIDIA's packages have it from CUDA 13 on"
    assert plan(tmp_path, variant="cu130", layer="devel")["devel"].warnings == ()


def test_layers_below_are_shared_by_all_variants(tmp_path: Path) -> None:
    cpu = plan(tmp_path)
    cuda = plan(tmp_path, variant="cu128", torch="2.9", layer="vision+dev")
    assert list(cuda) == ["base", "python", "nvidia", "torch", "vision", "dev"]
    assert [cpu[name].content_key for name in ("base", "python")] == [
        cuda[name].content_key for name in ("base", "python")
    ]
    assert cpu["torch"].content_key != cuda["torch"].content_key
    assert cuda["dev"].ref.startswith("mlops-ci/vision-dev:c-")


def test_the_host_engine_makes_only_environments_with_packages(tmp_path: Path) -> None:
    assert list(plan(tmp_path, engine="host")) == ["base", "torch", "train"]
