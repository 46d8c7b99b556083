"""Environments of the host engine: chained, locked, reused, whole or absent."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci import process
from mlops_ci.images import host_python
from mlops_ci.images.build_failure import PackageHashError, RequirementsBuildError
from mlops_ci.images.catalogue import Catalogue
from mlops_ci.images.naming import environment_folder
from support.image_builds import Built, ImageProject

HERE = Path(__file__)


@pytest.fixture(autouse=True)
def hashed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-ins have hashes for every Python."""
    monkeypatch.setattr(host_python, "has_hash", lambda _: True)


def python(built: Built, code: str, *, command: str = "python") -> str:
    folder = environment_folder(built.ref)
    words = [str(folder / "bin" / command), *(["-c", code] if code else [])]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def test_each_layer_sees_those_below(host_project: ImageProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    host_project.write(requirements__txt="extra\n")
    built = host_project.build(requirements="requirements.txt")
    assert list(built.images) == ["base", "torch", "train", "requirements"]
    assert built.warnings == ()
    torch, train = (environment_folder(built.images[name].ref) for name in ("torch", "train"))
    assert list(torch.rglob("torch/__pycache__/*.pyc")), "no job with a time limit pays for compiling it"
    assert not list(train.rglob("__pycache__")), "most of what is installed is never imported"
    place = python(built, "import extra, trainlib, torch; print(torch.__file__)")
    assert list(train.rglob("__pycache__/*.pyc")), "what was imported once starts faster"
    assert place.startswith(str(environment_folder(built.images["torch"].ref)))
    assert python(built, "", command="torchrun") == str(environment_folder(built.ref)), "started by the top's Python"


def test_requirements_do_not_reinstall_what_is_below(host_project: ImageProject) -> None:
    host_project.write(requirements__txt="extra\n")
    first = host_project.build(requirements="requirements.txt")
    host_project.write(requirements__txt="extra==1.0\n")
    second = host_project.build(requirements="requirements.txt")
    assert [name for name, image in second.images.items() if image.built] == ["requirements"]
    assert first.images["torch"] == second.images["torch"]
    marker = json.loads((environment_folder(second.ref) / ".complete").read_text())
    assert marker["packages"] == ["extra==1.0"]


def test_nothing_is_started_when_nothing_changed(host_project: ImageProject, monkeypatch: pytest.MonkeyPatch) -> None:
    first = host_project.build()
    monkeypatch.setattr(process, "run", lambda *_, **__: pytest.fail("a program was started"))
    second = host_project.build()
    assert host_project.asked == [second.ref]
    assert [image.built for image in second.images.values()] == [False, False, False]
    assert {name: image.digest for name, image in first.images.items()} == {
        name: image.digest for name, image in second.images.items()
    }


def test_an_unfinished_environment_is_made_anew(host_project: ImageProject) -> None:
    built = host_project.build()
    folder = environment_folder(built.ref)
    (folder / ".complete").unlink()
    (folder / "left-over").write_text("half")
    again = host_project.build()
    assert [name for name, image in again.images.items() if image.built] == ["train"]
    assert not (folder / "left-over").exists()


def test_a_package_that_is_not_the_locked_one_is_refused(
    host_project: ImageProject, small_catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = small_catalogue.layers["train"].lock_file(small_catalogue.variants["2.13-cpu"])
    assert lock is not None
    good = lock.read_text()
    lock.write_text(good[: good.index("sha256:")] + "sha256:" + "0" * 64 + "\n")
    try:
        with pytest.raises(PackageHashError) as caught:
            host_project.build()
    finally:
        lock.write_text(good)
    assert caught.value.exit_code == 1
    assert any("DO NOT MATCH THE HASHES" in line for line in caught.value.details)


def test_a_python_without_known_hash_gets_the_exact_version(
    host_project: ImageProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_python, "has_hash", lambda _: False)
    (environment_folder(host_project.build(layer="torch").ref) / ".complete").unlink()
    built = host_project.build(layer="torch")
    assert built.images["torch"].built
    assert python(built, "import torch; print(torch.version)") == "2.13.0+cpu"
    (warning,) = built.warnings
    place = f"Python {host_python.version()} on {platform.machine()}"
    assert warning.startswith(f"the lock has no hash of torch 2.13.0+cpu for {place}:")


def test_requirements_that_do_not_exist_are_the_users(host_project: ImageProject) -> None:
    host_project.write(requirements__txt="nosuchpackage==9\n")
    with pytest.raises(RequirementsBuildError) as caught:
        host_project.build(requirements="requirements.txt")
    assert caught.value.exit_code == 20
    assert "nosuchpackage==9" in caught.value.cause
    assert caught.value.hint.startswith("repair requirements.txt")


def test_a_wish_for_another_torch_build_is_refused_by_the_constraint(
    host_project: ImageProject, tmp_path: Path
) -> None:
    host_project.write(requirements__txt="torch==2.13.0\nextra\n")
    built = host_project.build(requirements="requirements.txt")
    assert python(built, "import torch; print(torch.version)") == "2.13.0+cpu"


CHILD = """
import sys
sys.path[:0] = [{tests!r}, {images!r}]
import conftest
from pathlib import Path
from mlops_ci.images import catalogue, host_python
from support.image_builds import ImageProject
root, folder, wheels = map(Path, sys.argv[1:4])
small = catalogue.load(folder)
catalogue.load = lambda: small
host_python.has_hash = lambda _: True
mirrors = {{"index": (root / "empty-index").as_uri(), "torch_index": "file:///none", "find_links": (str(wheels),)}}
project = ImageProject(root=root, engine="host", name="host", mirrors=mirrors)
built = project.build(requirements="own.txt")
print("built" if built.images["requirements"].built else "reused", flush=True)
"""


def child(project: ImageProject, small: Catalogue, wheels: Path) -> subprocess.Popen[str]:
    code = CHILD.format(tests=str(HERE.parents[2]), images=str(HERE.parent))
    words = [sys.executable, "-c", code, str(project.root), str(small.folder), str(wheels)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})


def test_two_at_once_build_one_environment_once(
    host_project: ImageProject, small_catalogue: Catalogue, small_wheels: Path
) -> None:
    host_project.build()
    (host_project.root / "own.txt").write_text("extra  # two at once\n")
    both = [child(host_project, small_catalogue, small_wheels) for _ in range(2)]
    assert sorted(one.communicate()[0].strip() for one in both) == ["built", "reused"]


def test_killed_in_the_middle_then_whole(
    host_project: ImageProject, small_catalogue: Catalogue, small_wheels: Path
) -> None:
    built = host_project.build()
    (host_project.root / "own.txt").write_text("extra  # killed\n")
    before = set((host_project.root / ".mlops" / "cache" / "environments").iterdir())
    first = child(host_project, small_catalogue, small_wheels)
    folder = _wait_for_new(before, host_project.root)
    _wait_until((folder / "install").exists)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    _wait_until(lambda: not _processes_naming(str(folder)))
    assert not (folder / ".complete").exists()
    assert child(host_project, small_catalogue, small_wheels).communicate()[0].strip() == "built"
    assert (folder / ".complete").exists()
    assert not (folder / "install").exists()
    assert environment_folder(built.ref).exists()


def _wait_for_new(before: set[Path], root: Path) -> Path:
    found: list[Path] = []

    def look() -> bool:
        found[:] = [
            path
            for path in (root / ".mlops" / "cache" / "environments").iterdir()
            if path not in before and path.is_dir()
        ]
        return bool(found)

    _wait_until(look)
    return found[0]


def _wait_until(check: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def _processes_naming(text: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
