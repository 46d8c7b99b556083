"""`mlops-ci images`, as a user calls it."""

import json
from pathlib import Path

import pytest

from mlops_ci.images import images_lock
from support.cli import call

HOST = ("--engine", "host")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mlops.toml").write_text('[train]\ncommand = "python train.py"\n[image]\nrequirements = "r.txt"\n')
    (tmp_path / "r.txt").write_text("idna==3.10\n")
    return tmp_path


def test_what_there_is(project: Path) -> None:
    listed = json.loads(call(project, "images", "list", "--json").stdout)
    states = {f"{row['torch']} {row['variant']}": row["state"] for row in listed["builds"]}
    assert states["2.13 cu130"] == "locked"
    assert states["2.9 cu128"] == "locked (devel without nvcc)"
    assert states["2.9 cu130"].startswith("pending: they need PyTorch's own index")
    assert "torchvision" in states["2.13 cpu"]
    assert {row["layer"] for row in listed["layers"]} >= {"torch", "vision", "nlp", "dev", "train", "devel"}


def test_what_differs_between_two_builds(project: Path) -> None:
    done = call(project, "images", "diff", "2.8-cu128", "2.9-cu128", "--json")
    assert json.loads(done.stdout)["torch"] == {"before": "2.8.0", "after": "2.9.1"}


def test_why_an_image_is_built_and_what_was(project: Path) -> None:
    done = call(project, "images", "lock", *HOST)
    assert (done.exit_code, "build it: mlops-ci build" in done.said) == (3, True)
    explained = json.loads(call(project, "images", "explain", *HOST, "--json").stdout)
    entry = images_lock.LockedImage(ref="r", digest="d", content_key="k", inputs=explained[-1]["inputs"])
    images_lock.write(project, {images_lock.key("host", "2.13-cpu", "requirements"): entry})
    (project / "r.txt").write_text("idna==3.11\n")
    again = call(project, "images", "explain", *HOST)
    assert "the first input that differs: requirements: file files/r.txt: its content changed" in again.stdout
