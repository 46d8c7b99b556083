"""A repository with the files that `init` writes, for one to be spoilt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.orchestrators.callers import github_starter, gitlab_starter
from mlops_ci.orchestrators.callers.bundle import Bundle, release
from mlops_ci.orchestrators.callers.finding import Finding
from mlops_ci.orchestrators.callers.origin import Origin
from mlops_ci.orchestrators.callers.review import Review, review_github, review_gitlab

KNOWN = "org/mlops-ci"
BUNDLE = Bundle(repository=KNOWN, ref=release())
WORKFLOW = ".github/workflows/mlops.yml"
CONFIG = '[project]\nname = "mean"\n\n[train]\ncommand = "python train.py"\n'


class Repository:
    """What a user has. `spoil` changes a file that `init` has written; what it changes must be there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("mlops.toml", CONFIG)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def spoil(self, name: str, old: str, new: str) -> None:
        """Where the call that trains has `old`: the last one at GitHub, the first one at GitLab."""
        text = (self.root / name).read_text()
        before, found, after = text.rpartition(old) if name.startswith(".github") else text.partition(old)
        assert found
        self.write(name, before + new + after)

    def github(self, known: str = KNOWN) -> Review:
        return review_github(self.root, known, Origin(server="github.com", path="team/model"))

    def gitlab(self, known: str = KNOWN) -> Review:
        return review_gitlab(self.root, known, Origin(server="git.example", path="team/sub/model"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    for name, text in {**github_starter.files(BUNDLE, branch="main"), **gitlab_starter.files(BUNDLE)}.items():
        made.write(name, text)
    return made


@pytest.fixture
def empty(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def line_of(root: Path, name: str, text: str) -> int:
    """Where the text stands in the file."""
    lines = (root / name).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


Only = Callable[[Review], Finding]


@pytest.fixture
def only() -> Only:
    """The one finding of a review."""

    def get(review: Review) -> Finding:
        assert len(review.findings) == 1, review.findings
        return review.findings[0]

    return get
