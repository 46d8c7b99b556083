"""The one question that we put to GitHub's API: run the failed jobs of a workflow run again.

docs.github.com, "REST API endpoints for workflow runs".
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from mlops_ci.errors import InfrastructureError, MissingError, UsageError
from mlops_ci.network import RetryPolicy, retry

SECONDS = 30.0
DEFAULT_API = "https://api.github.com"


class NotAWorkflowRunError(UsageError):
    """What started this is no finished workflow run."""


class RerunRefusedError(MissingError):
    """GitHub does not let this job start others again."""


class GitHubUnavailableError(InfrastructureError):
    """GitHub's API did not answer."""


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """The workflow run whose end started this one."""

    id: int
    attempt: int
    conclusion: str


def finished_run(environ: Mapping[str, str]) -> FinishedRun:
    """From the event's file. Raises `NotAWorkflowRunError`."""
    try:
        run = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["workflow_run"]
        return FinishedRun(id=int(run["id"]), attempt=int(run["run_attempt"]), conclusion=str(run["conclusion"]))
    except (KeyError, OSError, ValueError, TypeError) as error:
        raise NotAWorkflowRunError(
            f"the event names no finished workflow run: {error!r}",
            hint="call retry.yml from a workflow `on: workflow_run` with `types: [completed]`",
        ) from error


def rerun_failed_jobs(
    environ: Mapping[str, str], run: FinishedRun, *, bundle: Path | None = None, policy: RetryPolicy | None = None
) -> None:
    """Start them. Raises `RerunRefusedError` or `GitHubUnavailableError`."""
    token = environ.get("GITHUB_TOKEN", "")
    api = environ.get("GITHUB_API_URL") or DEFAULT_API
    url = f"{api}/repos/{environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{run.id}/rerun-failed-jobs"
    if not token or urlsplit(url).scheme not in ("https", "http"):
        raise RerunRefusedError("there is no token to ask GitHub with", hint="call retry.yml with `actions: write`")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    asked = Request(url, data=b"{}", headers=headers, method="POST")  # noqa: S310  # its scheme was looked at
    retry(
        lambda: _ask(asked, bundle),
        transient=lambda error: isinstance(error, GitHubUnavailableError),
        policy=policy,
    )


def _ask(asked: Request, bundle: Path | None) -> None:
    context = ssl.create_default_context(cafile=str(bundle) if bundle else None)
    try:
        with urlopen(asked, timeout=SECONDS, context=context):  # noqa: S310  # see above
            return
    except HTTPError as error:
        said = error.read(500).decode(errors="replace")
        error.close()
        if error.code in (401, 403, 404, 422):
            raise RerunRefusedError(
                f"GitHub refuses to run the failed jobs again (status {error.code}): {said}",
                hint="grant `actions: write`; a run may be started again 50 times, and for 30 days",
            ) from error
        raise GitHubUnavailableError(f"GitHub answered {error.code}: {said}", hint="try again later") from error
    except (URLError, OSError) as error:
        raise GitHubUnavailableError(
            f"GitHub's API could not be asked: {error}", hint="check the network and the proxy"
        ) from error
