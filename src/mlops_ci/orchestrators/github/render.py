"""All files of a profile, and what differs from those that are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlops_ci.orchestrators.called import called_files
from mlops_ci.orchestrators.github import action
from mlops_ci.orchestrators.github.code_scanning_workflow import code_scanning_workflow
from mlops_ci.orchestrators.github.comment_workflow import comment_workflow
from mlops_ci.orchestrators.github.decay_workflow import decay_workflow, rescan_workflow
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.retry_workflow import retry_workflow
from mlops_ci.orchestrators.github.rollback_workflow import rollback_workflow
from mlops_ci.orchestrators.github.workflow import workflow


def render(profile: Profile) -> dict[str, str]:
    """Path in the repository to text."""
    files = {f".github/workflows/{file.name}.yml": workflow(file, profile) for file in called_files()}
    files[".github/workflows/decay.yml"] = decay_workflow(profile)
    files[".github/workflows/rescan.yml"] = rescan_workflow(profile)
    files[".github/workflows/rollback.yml"] = rollback_workflow(profile)
    files[".github/workflows/code-scanning.yml"] = code_scanning_workflow(profile)
    files[".github/workflows/comment.yml"] = comment_workflow(profile)
    if text := retry_workflow(profile):
        files[".github/workflows/retry.yml"] = text
    return {**files, action.PATH: action.setup_action()}


def stale(files: Mapping[str, str], root: Path) -> list[str]:
    """The paths whose file is missing or has another text."""

    def text(path: str) -> str | None:
        try:
            return (root / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    return [path for path, wanted in files.items() if text(path) != wanted]
