"""The stage check: the user's own lint and unit tests, in the image's environment, before anything is trained."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.records.check import CheckOutputs, CommandResult
from mlops_ci.records.codec import to_json
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, run_job
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.session import Session
from mlops_ci.training.task import command_task


def inputs(session: Session) -> Mapping[str, Any]:
    """Code, image and the commands themselves."""
    return {
        "code": session.resolution.code_sha256,
        "image": session.resolution.environment,
        "check": to_json(session.settings.tables.check),
    }


def run(session: Session) -> Result:
    """Run the commands in order; the first that fails fails the stage with exit code 20."""
    check = session.settings.tables.check
    if not check.commands:
        return skipped("no [check] commands are configured")
    folder = session.run.path("check")
    with session.console.quiet():
        outcome = run_job(session, job(session, folder), image(session, "check"))
    shutil.rmtree(folder / "work", ignore_errors=True)
    results = tuple(
        CommandResult(command=command, exit_code=one.exit_code, seconds=one.seconds)
        for command, one in zip(check.commands, outcome.commands, strict=True)
    )
    for one in results:
        session.console.say(f"✓ {one.command} ({one.seconds:.1f} s)")
    return Result(outputs=CheckOutputs(commands=results))


def job(session: Session, folder: Path) -> JobSpec:
    """The job that runs the commands, in `folder`."""
    check = session.settings.tables.check
    return JobSpec(
        stage="check",
        folder=folder,
        task=command_task(
            run=session.run.id,
            stage="check",
            commands=check.commands,
            timeout=check.timeout,
            settings=session.settings.tables.train,
        ),
    )
