"""Content keys: equal for equal content, different for anything that changes an image, silent about the rest."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_ci.images import content_key, differences
from mlops_ci.images.content_key import ContextFile


def test_order_of_files_does_not_matter(tmp_path: Path) -> None:
    files = [ContextFile(path="b", content=b"2"), ContextFile(path="a", content=b"1")]
    assert content_key.entries(files) == content_key.entries(reversed(files))


def test_the_executable_bit_and_the_content_count_and_times_do_not(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("echo")
    path.chmod(0o644)
    file = ContextFile(path="run.sh", source=path)
    plain = file.entry()
    os.utime(path, (1, 1))
    path.chmod(0o600)
    assert file.entry() == plain
    path.chmod(0o755)
    executable = file.entry()
    assert executable != plain
    path.write_text("echo 2")
    assert file.entry() not in (plain, executable)


def test_a_link_counts_by_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    assert ContextFile(path="link", source=tmp_path / "link").entry() == {"path": "link", "link": "elsewhere"}


@pytest.mark.parametrize(("freshness", "period"), [("month", "2026-01"), ("week", "2026-W01"), ("never", "")])
def test_periods(freshness: content_key.Freshness, period: str) -> None:
    assert content_key.epoch(freshness, datetime(2026, 1, 1, tzinfo=UTC)) == period


def test_what_differs_is_named_one_input_at_a_time() -> None:
    old = {"parent": "1", "files": [{"path": "a", "sha256": "1"}, {"path": "b", "sha256": "1"}], "args": {"X": ""}}
    new = {
        "parent": "2",
        "files": [{"path": "a", "sha256": "1", "executable": True}, {"path": "c", "link": "a"}],
        "args": {"X": "2026-12"},
        "dockerfile": "3",
    }
    assert differences.changes(differences.inputs(old), differences.inputs(new)) == (
        "argument X: nothing -> 2026-12",
        "dockerfile is new",
        "file a: its mode changed",
        "file b is gone",
        "file c is new",
        "the image below",
    )
    assert differences.changes(differences.inputs(old), differences.inputs(old)) == ()
