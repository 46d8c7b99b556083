"""`mlops-ci retry`: run the failed jobs of a pipeline again when the machine or the network was at fault."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mlops_ci.commands.voice import new_console
from mlops_ci.network import ca_bundle
from mlops_ci.providers.github_api import finished_run, rerun_failed_jobs
from mlops_ci.run.handover import RESULT

LONGEST_REASON = 300


def retry(folder: Path, attempts: int) -> int:
    """Look at the results that the pipeline handed on in `folder`; ask GitHub for another try where one is worth it."""
    console = new_console(verbose=False)
    run = finished_run(os.environ)
    results = [one for path in sorted(folder.rglob(RESULT)) if (one := _read(path)) is not None]
    worth, why = worth_it(results)
    if not worth:
        console.say(f"run {run.id} is not tried again: {why}")
        return 0
    if run.attempt >= attempts:
        console.annotate("warning", "not tried again", f"run {run.id} has had its {run.attempt} attempts: {why}")
        return 0
    rerun_failed_jobs(os.environ, run, bundle=ca_bundle())
    console.annotate("notice", "trying again", f"run {run.id}, attempt {run.attempt + 1} of {attempts}: {why}")
    return 0


def _read(path: Path) -> dict[str, Any] | None:
    """A result; None for what is none. It may come from a fork: nothing is believed but what is needed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            "run": str(found["run"]),
            "attempt": 1 if found["ci_attempt"] is None else int(found["ci_attempt"]),
            "exit_code": int(found["exit_code"]),
            "worth_a_retry": found["worth_a_retry"] is True,
            "reason": str(found["reason"])[:LONGEST_REASON],
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None


def worth_it(results: list[dict[str, Any]]) -> tuple[bool, str]:
    """Whether another try may end better, and why. Of several attempts of one run the last counts."""
    newest: dict[str, dict[str, Any]] = {}
    for one in sorted(results, key=lambda each: int(each["attempt"])):
        newest[one["run"]] = one
    failed = [one for one in newest.values() if one["exit_code"]]
    if not failed:
        return False, "no pipeline of ours failed in it"
    hopeless = [one for one in failed if not one["worth_a_retry"]]
    told = "; ".join(f"exit {one['exit_code']}: {one['reason']}" for one in hopeless or failed)
    return not hopeless, told
