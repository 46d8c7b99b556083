"""A uv.lock as the layer of the user's packages, installed by the real pip with its hashes."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from mlops_ci.images import host_python
from mlops_ci.images.build_failure import PackageHashError
from mlops_ci.images.naming import environment_folder
from support.image_builds import ImageProject
from support.image_projects import write_wheel

PROJECT = '[project]\nname = "demo"\nversion = "1"\ndependencies = ["extra[more]", "torch"]\n'
LOCK = """version = 1
[[package]]
name = "demo"
version = "1"
source = {{ virtual = "." }}
dependencies = [{{ name = "extra", extra = ["more"] }}, {{ name = "torch" }}]
[package.metadata]
requires-dist = [{{ name = "extra", extras = ["more"] }}, {{ name = "torch" }}]
[[package]]
name = "torch"
version = "2.13.0"
source = {{ registry = "https://index.invalid/simple" }}
[[package]]
name = "extra"
version = "1.0"
source = {{ registry = "https://index.invalid/simple" }}
wheels = [{{ url = "u", hash = "sha256:{extra}" }}]
[package.optional-dependencies]
more = [{{ name = "furthermore" }}]
[[package]]
name = "furthermore"
version = "1.0"
source = {{ registry = "https://index.invalid/simple" }}
wheels = [{{ url = "u", hash = "sha256:{more}" }}]
"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_its_packages_are_installed_with_their_hashes_and_not_pytorch(
    host_project: ImageProject, small_wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_python, "has_hash", lambda _: True)
    more = write_wheel(small_wheels, "furthermore", "1.0", files={"furthermore.py": "import extra\n"})
    (extra,) = small_wheels.glob("extra-*.whl")
    host_project.write(pyproject__toml=PROJECT, uv__lock=LOCK.format(extra=digest(extra), more=digest(more)))
    built = host_project.build(requirements="uv.lock")
    code = "import furthermore, torch; print(torch.version)"
    python = environment_folder(built.ref) / "bin" / "python"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "2.13.0+cpu", "that of the layer below"
    host_project.write(uv__lock=LOCK.format(extra=digest(extra), more="0" * 64))
    with pytest.raises(PackageHashError) as caught:
        host_project.build(requirements="uv.lock")
    assert caught.value.exit_code == 1
