"""The image that serves: what it is planned by, what its layer holds, what of the repository is in it."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci import guest
from mlops_ci.guest.serving.config import Service
from mlops_ci.images import catalogue
from mlops_ci.images.plan import plan_images
from mlops_ci.images.serving import PACKAGE, Served, ServingFilesError, serve_layer, serving_files, serving_settings
from mlops_ci.run.lineage import CodeFile
from mlops_ci.settings.deploy import DeploySettings
from support.image_projects import make_settings

GUEST = Path(guest.__file__).parent
MODEL = {"name": "digits", "version": "7", "digest": "sha256:1", "run": "r"}


def settings(root: Path, **deploy):
    made = make_settings(root, name="digits", image={"layer": "vision", "code": True, "tags": True, "registry": None})
    return replace(made, tables=replace(made.tables, deploy=DeploySettings(entry="app/serve.py:load", **deploy)))


@pytest.fixture
def code(tmp_path):
    names = ("app/serve.py", "app/net/block.py", "app/labels.json", "train.py", "tests/test_it.py")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return (
        *(CodeFile(path=name, executable=False, link=None) for name in names),
        CodeFile(path="app/away.py", executable=False, link="/etc/passwd"),
    )


def planned(root, app, model, *, version="7"):
    served = Served(
        service=Service(entry="app/serve.py:load", model={**MODEL, "version": version}), app=app, model=model
    )
    return plan_images(
        serving_settings(settings(root)),
        engine="docker",
        variant="cpu",
        lookup=lambda _: None,
        cache=root / "cache",
        above=lambda recipe: serve_layer(recipe, served),
    )


def test_nothing_that_trains_is_below_a_model(tmp_path):
    ours = serving_settings(settings(tmp_path, requirements="r.txt", variant="cu128")).tables.image
    assert (ours.layer, ours.requirements, ours.variant) == ("torch", "r.txt", "cu128")
    assert (ours.code, ours.tags, ours.dockerfile, ours.extra) == (False, False, None, None)


@pytest.mark.parametrize(
    ("trains", "asked", "serves"),
    [
        ("vision", None, "torch"),
        ("train", "python", "python"),
        ("python", None, "python"),
        ("python", "torch", "torch"),
    ],
)
def test_a_model_is_served_without_pytorch_where_it_is_trained_without_or_where_that_is_asked_for(
    tmp_path, trains, asked, serves
):
    made = settings(tmp_path, layer=asked)
    image = replace(made.tables.image, layer=trains)
    made = replace(made, tables=replace(made.tables, image=image))
    assert serving_settings(made).tables.image.layer == serves


def test_by_default_the_python_files_beside_the_entry_are_served(tmp_path, code):
    assert set(serving_files(settings(tmp_path), code)) == {"app/serve.py", "app/net/block.py"}
    found = serving_files(settings(tmp_path, files=("app/labels.json", "tests")), code)
    assert set(found) == {"app/serve.py", "app/labels.json", "tests/test_it.py"}


def test_what_the_repository_does_not_have_is_no_part_of_an_image(tmp_path, code):
    with pytest.raises(ServingFilesError, match=r"`secrets\.env` is no file or folder"):
        serving_files(settings(tmp_path, files=("secrets.env",)), code)
    with pytest.raises(ServingFilesError, match=r"no file app/serve\.py"):
        serving_files(settings(tmp_path), code[1:])


def test_the_layer_holds_the_server_the_code_and_the_model(tmp_path, code):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    plans = planned(tmp_path, serving_files(settings(tmp_path), code), model)
    assert [plan.name for plan in plans] == ["base", "python", "torch", "serve"]
    top = plans[-1]
    assert top.ref.startswith("mlops-ci/digits/serve:c-")
    spec = top.spec
    assert spec is not None
    assert spec.labels["io.mlops-ci.model.version"] == "7"
    files = {one.path: one for one in spec.files}
    assert {"app/app/serve.py", "model/model.safetensors", "program/__main__.py"} <= set(files)
    assert "program/mlops_ci/guest/serving/main.py" in files
    assert not [name for name in files if "entry.py" in name], "no part of the guest that runs jobs"
    assert json.loads(files["service.json"].read())["model"] == MODEL
    assert "HEALTHCHECK --interval" in spec.dockerfile.decode()
    assert catalogue.load().serve.name not in catalogue.load().layers, "it is no layer that jobs can run in"


def test_what_the_server_and_the_sdk_import_of_us_is_in_the_layer(tmp_path, code):
    (tmp_path / "model").mkdir()
    spec = planned(tmp_path, serving_files(settings(tmp_path), code), tmp_path / "model")[-1].spec
    files = {one.path.removeprefix(PACKAGE + "/"): one for one in spec.files if one.path.startswith(PACKAGE)}
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in files}
    for name, file in files.items():
        for node in ast.walk(ast.parse(file.read())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mlops_ci."):
                module = node.module.removeprefix("mlops_ci.")
                members = {f"{module}.{one.name}" for one in node.names}
                assert module in modules, f"{name} imports {module}"
                there = {one.stem for one in (GUEST.parent / module.replace(".", "/")).glob("*.py")}
                assert {one for one in members if one.rpartition(".")[2] in there} <= modules, name


def test_equal_models_have_equal_keys_and_another_version_has_another(tmp_path, code):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    app = serving_files(settings(tmp_path), code)
    first, again = planned(tmp_path, app, model)[-1], planned(tmp_path, app, model)[-1]
    assert first.content_key == again.content_key
    assert planned(tmp_path, app, model, version="8")[-1].content_key != first.content_key
    (model / "model.safetensors").write_bytes(b"others")
    assert planned(tmp_path, app, model)[-1].content_key != first.content_key
