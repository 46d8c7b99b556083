"""No job that is rendered calls a container engine by itself: what needs one says so, when it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = [
    *(ROOT / ".github" / "workflows" / f"{name}.yml" for name in ("build", "scan", "train", "verify", "nightly")),
    ROOT / ".github" / "actions" / "setup" / "action.yml",
    *(ROOT / "ci" / "gitlab" / f"{name}.yml" for name in ("build", "scan", "train", "verify", "nightly")),
]
DOCKER = re.compile(r"(?m)(^|[;&|(]\s*|\s)(docker|dockerd|podman)\s|docker\.sock|docker/(login|setup|build)")


def scripts(part: Any) -> Iterator[str]:
    """The lines of every step, and the names of what it uses."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("run", "uses", "script", "before_script", "after_script", "services"):
                yield from ([value] if isinstance(value, str) else map(str, value or ()))
            else:
                yield from scripts(value)
    elif isinstance(part, list):
        for one in part:
            yield from scripts(one)


class Lenient(yaml.SafeLoader):
    """GitLab's own tags are words like any other here."""


Lenient.add_multi_constructor("!", lambda loader, suffix, node: None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_job_without_an_engine_can_run_it(path: Path) -> None:
    documents = yaml.load_all(path.read_text(), Lenient)
    lines = [line for document in documents for line in scripts(document)]
    assert lines, "there are steps"
    assert [line for line in lines if DOCKER.search(line)] == []


def test_the_pattern_knows_an_engine_when_it_sees_one() -> None:
    for line in (
        "docker build .",
        "set -e; docker push x",
        "uses: docker/login-action@v3",
        "-v /var/run/docker.sock:/x",
    ):
        assert DOCKER.search(line), line
