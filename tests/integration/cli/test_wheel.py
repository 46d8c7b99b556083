"""The wheel is whole: it holds the images and the data, and works without the source tree."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="the lock of the project's own sessions has hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    else:
        subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_travels(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in (
        "mlops_ci/py.typed",
        "mlops_ci/resources/mlops.schema.json",
        "mlops_ci/resources/trivy.toml",
        "mlops_ci/bundle/images/catalogue.toml",
        "mlops_ci/bundle/images/torch/requirements.2.13-cpu.lock",
        "mlops_ci/bundle/images/base/Dockerfile",
        "mlops_ci/bundle/ci/gitlab/train.yml",
    ):
        assert wanted in names
    assert any(name.startswith("mlops_ci/reporting/templates/") for name in names)


def test_the_catalogue_is_found_without_the_source_tree(wheel, tmp_path):
    target = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(target)
    script = "import mlops_ci.images.catalogue as c; print(c.__file__); print(sorted(c.load().layers))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(target)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    place, layers = done.stdout.splitlines()
    assert place.startswith(str(target))
    assert layers == "['base', 'dev', 'devel', 'nlp', 'nvidia', 'python', 'torch', 'train', 'vision']"
