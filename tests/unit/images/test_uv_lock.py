"""The user's uv.lock: what of it becomes a layer, and what is refused."""

from pathlib import Path

import pytest

from mlops_ci.images import catalogue, uv_lock
from mlops_ci.images.plan import plan_images
from mlops_ci.images.uv_lock import UvLockError
from support.image_projects import KnownImages, make_settings

HASH = "sha256:" + "a" * 64
PROJECT = '[project]\nname = "demo"\nversion = "1"\ndependencies = ["torch", "requests>=2"]\n'
REGISTRY = 'source = { registry = "https://index.invalid/simple" }'
LOCK = f"""
version = 1
[[package]]
name = "demo"
version = "1"
source = {{ virtual = "." }}
dependencies = [{{ name = "requests" }}, {{ name = "torch" }}]
[package.metadata]
requires-dist = [{{ name = "requests", specifier = ">=2" }}, {{ name = "torch" }}]
[package.dev-dependencies]
dev = [{{ name = "pytest" }}]
[[package]]
name = "pytest"
version = "9.0"
{REGISTRY}
[[package]]
name = "requests"
version = "2.32.0"
{REGISTRY}
dependencies = [{{ name = "idna" }}, {{ name = "colorama", marker = "sys_platform == 'win32'" }}]
sdist = {{ url = "u", hash = "sha256:{"b" * 64}" }}
wheels = [{{ url = "u", hash = "{HASH}" }}]
[[package]]
name = "idna"
version = "3.10"
{REGISTRY}
wheels = [{{ url = "u", hash = "{HASH}" }}]
[[package]]
name = "colorama"
version = "0.4"
{REGISTRY}
wheels = [{{ url = "u", hash = "{HASH}" }}]
[[package]]
name = "torch"
version = "2.13.0"
{REGISTRY}
dependencies = [{{ name = "nvidia-nccl" }}]
[[package]]
name = "nvidia-nccl"
version = "2"
{REGISTRY}
"""


def read(root: Path, lock: str = LOCK, project: str = PROJECT) -> uv_lock.Locked:
    (root / "pyproject.toml").write_text(project)
    (root / "uv.lock").write_text(lock)
    return uv_lock.read(root / "uv.lock", torch="2.13.0+cpu", protected=["torch"], pins={"torchvision": "0.28.0+cpu"})


def test_what_the_project_needs_with_its_hashes_and_without_pytorch(tmp_path: Path) -> None:
    assert read(tmp_path).text == (
        f"colorama==0.4 ; (sys_platform == 'win32') \\\n    --hash={HASH}\n"
        f"idna==3.10 \\\n    --hash={HASH}\n"
        f"requests==2.32.0 \\\n    --hash={HASH} \\\n    --hash=sha256:{'b' * 64}\n"
    )
    assert read(tmp_path).names == {"colorama", "idna", "requests"}


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('name = "torch"\nversion = "2.13.0"', 'name = "torch"\nversion = "2.9.1"', "torch 2.9.1, and .* 2.13.0"),
        ('registry = "https', 'git = "https', "comes from git"),
        (f'wheels = [{{ url = "u", hash = "{HASH}" }}]', "wheels = []", "idna has no hash"),
        ('name = "idna"\nversion', 'name = "other"\nversion', "needs idna and does not lock it"),
        ('virtual = "."', 'registry = "u"', "does not name the project"),
        ("[[package]]", "[[pakage]]", "is no lock of uv"),
        ('specifier = ">=2"', 'specifier = ">=1"', "does not match pyproject.toml: requests"),
    ],
)
def test_refused(tmp_path: Path, old: str, new: str, text: str) -> None:
    lock = (
        LOCK.replace(old, new)
        if "wheels" not in old
        else LOCK.replace(f'"3.10"\n{REGISTRY}\n{old}', f'"3.10"\n{REGISTRY}\n{new}')
    )
    with pytest.raises(UvLockError, match=text) as caught:
        read(tmp_path, lock)
    assert caught.value.exit_code == 2


def test_a_requirement_that_was_not_locked(tmp_path: Path) -> None:
    with pytest.raises(UvLockError, match=r"does not match pyproject\.toml: rich") as caught:
        read(tmp_path, project=PROJECT.replace('"torch"', '"torch", "rich"'))
    assert caught.value.hint == "run `uv lock`"


def test_what_an_extra_brings_is_needed_too(tmp_path: Path) -> None:
    socks = f"""[package.optional-dependencies]
socks = [{{ name = "pysocks" }}]
[[package]]
name = "pysocks"
version = "1.7"
{REGISTRY}
wheels = [{{ url = "u", hash = "{HASH}" }}]
[[package]]
name = "idna\""""
    lock = LOCK.replace('[[package]]\nname = "idna"', socks)
    assert "pysocks" not in read(tmp_path, lock).names
    asked = lock.replace('{ name = "requests" }', '{ name = "requests", extra = ["socks", "use-chardet"] }')
    asked = asked.replace('"requests", specifier', '"requests", extras = ["socks", "use-chardet"], specifier')
    project = PROJECT.replace("requests>=2", "requests[use_chardet,SOCKS]>=2")
    assert f"pysocks==1.7 \\\n    --hash={HASH}\n" in read(tmp_path, asked, project).text
    with pytest.raises(UvLockError, match=r"does not match pyproject\.toml: requests"):
        read(tmp_path, lock, project)


def test_it_becomes_the_layer_of_the_users_packages(tmp_path: Path) -> None:
    read(tmp_path)
    settings = make_settings(tmp_path, image={"requirements": "uv.lock"})
    plans = plan_images(settings, engine="docker", variant="cpu", lookup=KnownImages())
    spec = plans[-1].spec
    assert spec is not None
    assert spec.args["REQUIREMENTS"] == "uv.lock.txt"
    files = {file.path: file.read() for file in spec.files}
    assert b"requests==2.32.0" in files["files/uv.lock.txt"]
    assert files["constraints.txt"] == b"torch==2.13.0+cpu\n"
    assert catalogue.load().user.name == plans[-1].name
