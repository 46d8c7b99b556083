"""`mlops-ci render`: what is committed is what the graph gives, and a file that was tampered with is found."""

from __future__ import annotations

import random
import shutil
from functools import cache
from pathlib import Path

import pytest

from mlops_ci.commands.render import StaleFilesError, gitlab
from mlops_ci.errors import GateError
from mlops_ci.orchestrators.github.render import stale
from mlops_ci.orchestrators.gitlab.profile import load_profile
from mlops_ci.orchestrators.gitlab.render import render

ROOT = Path(__file__).parents[3]
FOLDERS = ("ci/gitlab", "templates")
FILES = sorted(path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).glob("*.yml"))


@cache
def rendered():
    return render(load_profile("default"))


@pytest.fixture
def committed(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_what_is_committed_is_fresh():
    assert len(FILES) == 18
    assert gitlab("default", ROOT, check=True) == 0


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_any_line_is_found(committed, name):
    lines = (committed / name).read_text().splitlines(keepends=True)
    chosen = random.Random(name).sample(range(len(lines)), 5)
    for index in chosen:
        changed = [*lines[:index], *lines[index + 1 :]]
        (committed / name).write_text("".join(changed))
        assert stale(rendered(), committed) == [name]
    with pytest.raises(StaleFilesError, match=name):
        gitlab("default", committed, check=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("      when: never\n", "      when: on_success\n"),
        ("    max: 2\n", "    max: 1\n"),
        ("  resource_group: mlops-ci-promotion\n", ""),
        ("  tags: $[[ inputs.runner-gpu ]]\n", "  tags: [any]\n"),
        ("$CI_JOB_TOKEN", "$AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_what_a_tamperer_would_change_is_found(committed, before, after):
    path = committed / "ci/gitlab/train.yml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(StaleFilesError) as caught:
        gitlab("default", committed, check=True)
    assert isinstance(caught.value, GateError)
    assert caught.value.cause == "1 of 18 files are not as rendered: ci/gitlab/train.yml"


def test_a_missing_file_is_stale_and_rendering_repairs_only_what_is(committed, capsys):
    (committed / "templates/scan.yml").unlink()
    before = (committed / "ci/gitlab/train.yml").stat().st_mtime_ns
    with pytest.raises(StaleFilesError, match=r"templates/scan\.yml"):
        gitlab("default", committed, check=True)
    assert gitlab("default", committed, check=False) == 0
    assert "wrote templates/scan.yml\n18 files are as" in capsys.readouterr().err
    assert gitlab("default", committed, check=True) == 0
    assert (committed / "ci/gitlab/train.yml").stat().st_mtime_ns == before


def test_another_profile_gives_other_files(committed):
    with pytest.raises(StaleFilesError, match=r"ci/gitlab/train\.yml"):
        gitlab("self-managed", committed, check=True)
