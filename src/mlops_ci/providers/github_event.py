"""Whether the event that started a GitHub workflow brings code of the repository's own.

Payloads: docs.github.com, "Webhook events and payloads".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Started by somebody who may write to the repository, or by its own settings, and about its own code.
OWN_EVENTS = frozenset(
    {
        "create",
        "deployment",
        "deployment_status",
        "merge_group",
        "push",
        "registry_package",
        "release",
        "repository_dispatch",
        "schedule",
        "workflow_dispatch",
    }
)


COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
MERGE = re.compile(r"refs/pull/\d+/merge")


def trusted(environ: Mapping[str, str]) -> tuple[bool, str]:
    """Whether the code is the repository's own, and why. What is not known for sure is not trusted."""
    event = environ.get("GITHUB_EVENT_NAME") or "unknown"
    if event in OWN_EVENTS:
        return True, f"event {event}"
    if not event.startswith("pull_request") and event != "workflow_run":
        return False, f"event {event}: anybody may have caused it"
    payload = _payload(environ)
    if payload is None:
        return False, f"event {event}, and its file cannot be read"
    head = _head(event, payload)
    own = environ.get("GITHUB_REPOSITORY")
    if not head or not own:
        return False, f"event {event}, and its repository cannot be told (was the fork deleted?)"
    if head.lower() == own.lower():
        return True, f"event {event} from this repository"
    return False, f"event {event} from the fork {head}"


def pull_request(environ: Mapping[str, str]) -> int | None:
    """The number of the pull request that the event is about, or None."""
    if not (environ.get("GITHUB_EVENT_NAME") or "").startswith("pull_request"):
        return None
    payload = _payload(environ)
    request = payload.get("pull_request") if isinstance(payload, dict) else None
    number = request.get("number") if isinstance(request, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None


def base_commits(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """The commits that the pull request of the event may be based on, the best first; None when it is about none.

    What is checked out for `pull_request` is a merge that GitHub made itself, whose first parent is the branch that it
    is merged into: every job of the run has it, while that branch may have moved on since the event.
    """
    event = environ.get("GITHUB_EVENT_NAME") or ""
    if not event.startswith("pull_request"):
        return None
    found = []
    out = environ.get("GITHUB_SHA", "")
    if COMMIT.fullmatch(out) and event == "pull_request_target":
        # The base's own last commit, which is what runs.
        found.append(out)
    elif COMMIT.fullmatch(out) and MERGE.fullmatch(environ.get("GITHUB_REF", "")):
        found.append(f"{out}^1")
    payload = _payload(environ)
    for key in ("pull_request", "base", "sha"):
        payload = payload.get(key) if isinstance(payload, dict) else None
    if isinstance(payload, str) and COMMIT.fullmatch(payload):
        found.append(payload)
    return tuple(found)


def _payload(environ: Mapping[str, str]) -> Any:
    """What the event's file says; None when it cannot be read."""
    try:
        return json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError, RecursionError):
        return None


def _head(event: str, payload: Any) -> str | None:
    """The repository that the code comes from."""
    path = ("workflow_run", "head_repository") if event == "workflow_run" else ("pull_request", "head", "repo")
    for key in (*path, "full_name"):
        payload = payload.get(key) if isinstance(payload, dict) else None
    return payload if isinstance(payload, str) else None
