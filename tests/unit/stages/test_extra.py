"""The packages over the image in a run: what a job gets, what is scanned, and when neither fits the other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlops_ci.records.build import BuildOutputs, ExtraPackages
from mlops_ci.stages import extra
from mlops_ci.stages.extra import ExtraChangedError

PLAN = SimpleNamespace(digest="1" * 64, key="2" * 64)
BUILT = ExtraPackages(lock="extra.lock", sha256="1" * 64, packages=("a 1",))


def session(folder: Path, plan: Any = PLAN, built: ExtraPackages | None = BUILT) -> Any:
    """What these functions use of one, after build."""
    outputs = BuildOutputs(images={}, top="train", sbom=(), extra=built)
    return SimpleNamespace(
        resolution=SimpleNamespace(extra=plan),
        run=SimpleNamespace(record=lambda _: SimpleNamespace(outputs={"top": "train"}), outputs=lambda *_: outputs),
        workspace=SimpleNamespace(cache=folder / "cache"),
    )


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a.py").write_text("answer = 42\n")
    monkeypatch.setattr(extra, "at_hand", lambda _: folder)
    return folder


def test_each_job_has_a_copy_of_its_own(tmp_path: Path, tree: Path) -> None:
    place = extra.for_job(session(tmp_path), tmp_path / "job" / "extra")
    assert place is not None
    (place / "written.pyc").write_text("by the job")
    assert [path.name for path in tree.iterdir()] == ["a.py"]
    again = extra.for_job(session(tmp_path), tmp_path / "job" / "extra")
    assert again is not None
    assert [path.name for path in again.iterdir()] == ["a.py"], "what a killed job left is gone"


def test_where_none_are_asked_for_none_are_there(tmp_path: Path, tree: Path) -> None:
    (tmp_path / "extra").mkdir()
    assert extra.for_job(session(tmp_path, None, None), tmp_path / "extra") is None
    assert not (tmp_path / "extra").exists()
    assert extra.targets(session(tmp_path, None, None)) == ()
    assert extra.recorded(session(tmp_path, None, None)) is None


@pytest.mark.parametrize(
    ("plan", "built"), [(PLAN, None), (None, BUILT), (SimpleNamespace(digest="3" * 64, key="4" * 64), BUILT)]
)
def test_no_job_gets_what_was_not_scanned(tmp_path: Path, tree: Path, plan: Any, built: ExtraPackages | None) -> None:
    with pytest.raises(ExtraChangedError, match="not those that this run was built and scanned with") as caught:
        extra.for_job(session(tmp_path, plan, built), tmp_path / "extra")
    assert (caught.value.exit_code, caught.value.hint) == (2, "run `mlops-ci build scan`, and then this again")


def test_they_are_scanned_as_packages(tmp_path: Path) -> None:
    (target,) = extra.targets(session(tmp_path))
    assert (target.kind, target.name) == ("environment", "extra")
    assert target.folder == str(tmp_path / "cache" / "extra" / ("2" * 32) / "packages")
