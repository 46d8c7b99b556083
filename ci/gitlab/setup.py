"""Puts the tool of this very checkout on PATH in a GitLab job: prints, as shell, what the job needs to use it.

What it needs comes from the checkout's hash-pinned lock, by the same code as in a GitHub job. MLOPS_CI_TOOL_CACHE, or
else MLOPS_CI_CACHE, names a folder that outlives the job, where a runner has one; MLOPS_CI_ENVIRONMENT an environment
that the job's image brings along. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / ".github" / "actions" / "setup" / "setup.py"
FOLDER = Path(".mlops").absolute()
MISSING = 3


def main() -> int:
    """Print the commands; 3 when this machine lacks something."""
    cache = Path(os.environ.get("MLOPS_CI_CACHE") or FOLDER / "cache").absolute()
    os.environ.setdefault("MLOPS_CI_TOOL_CACHE", str(cache))
    # Where the launcher is put: a folder of this job's own.
    os.environ["RUNNER_TEMP"] = str(FOLDER)
    shared = runpy.run_path(str(SHARED))
    with output_to_log():
        try:
            shared["launcher"](shared["environment"]())
        except shared["Unusable"] as problem:
            print(f"mlops-ci: {problem} (exit {MISSING})")
            return MISSING
    for name, value in identity().items():
        print(f"export {name}={shlex.quote(value)}")
    print(f'export PATH={shlex.quote(str(FOLDER / "mlops-ci-bin"))}:"$PATH"')
    return 0


@contextlib.contextmanager
def output_to_log() -> Iterator[None]:
    """What others print, child processes too, goes to the job's log and not among the commands."""
    kept = os.dup(1)
    sys.stdout.flush()
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def identity() -> dict[str, str]:
    """The job's own identity as boto3 reads it: a role, and a file with the token that only this job's user reads."""
    role, token = os.environ.get("MLOPS_CI_AWS_ROLE"), os.environ.get("MLOPS_CI_AWS_TOKEN")
    if not role or not token:
        return {}
    path = FOLDER / "aws-token"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    session = f"gitlab-{os.environ.get('CI_JOB_ID', 'job')}"
    return {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_SESSION_NAME": session}


if __name__ == "__main__":
    sys.exit(main())
