"""The schedule that makes images anew every month: what the docs show is a call that can run."""

from __future__ import annotations

import re
from pathlib import Path

from .conftest import Repository

ROOT = Path(__file__).parents[4]
WORKFLOW = ".github/workflows/refresh.yml"


def test_it_grants_what_its_jobs_ask_for(empty: Repository):
    empty.write(WORKFLOW, (ROOT / "examples" / "github" / "refresh.yml").read_text())
    assert empty.github().findings == ()
    empty.spoil(WORKFLOW, "packages: write", "packages: read")
    assert empty.github().refused


def test_at_gitlab_it_is_included_for_its_schedule_alone(empty: Repository):
    page = (ROOT / "docs" / "images.md").read_text()
    (shown,) = re.findall(r"^```yaml\n(include:\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert '- if: $MLOPS_SCHEDULE == "refresh"' in shown
    empty.write(".gitlab-ci.yml", shown)
    assert [one for one in empty.gitlab().findings if one.level == "error"] == []
