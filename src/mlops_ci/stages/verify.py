"""The stage verify: may this node train in this image?"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from mlops_ci.errors import GateError
from mlops_ci.records.codec import from_json, to_json
from mlops_ci.records.verify import HealthCheck, Verdict, VerifyOutputs
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, run_job
from mlops_ci.stages.result import Result
from mlops_ci.stages.session import Session
from mlops_ci.training.outcome import JobError, Outcome
from mlops_ci.training.task import health_task

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MARKS = {"PASS": "✓", "WARN": "!", "BLOCK": "✗", "SKIP": "-"}


class DegradedError(GateError):
    """The node is degraded, and `[verify] fail-on` says that this is too bad."""


def inputs(session: Session) -> Mapping[str, Any]:
    """The node and its boot, the image, the demands."""
    return {
        "boot": BOOT_ID.read_text().strip() if BOOT_ID.exists() else "unknown",
        "host": platform.node(),
        "image": session.resolution.top.content_key,
        "gpus": _gpus(session),
        "verify": to_json(session.settings.tables.verify),
    }


def run(session: Session) -> Result:
    """Run the guest's health checks in the image; an unhealthy node raises exit code 11, a wrong setting 3."""
    tables = session.settings.tables
    folder = session.run.path("verify")
    try:
        with session.console.quiet():
            outcome = run_job(
                session,
                JobSpec(
                    stage="verify",
                    folder=folder,
                    gpus=_gpus(session),
                    network=False,
                    task=health_task(
                        run=session.run.id,
                        settings=tables.train,
                        gpus=_gpus(session),
                        torch=tables.image.torch,
                        budget=tables.verify.budget,
                        memory=tables.train.memory,
                        shm=tables.train.shm if session.engine.name == "docker" else None,
                    ),
                ),
                image(session),
            )
    except JobError as error:
        error.outputs = _outputs(error.outcome)  # type: ignore[attr-defined]  # the runner keeps them in the record
        _show(session, _outputs(error.outcome))
        raise
    shutil.rmtree(folder / "work", ignore_errors=True)
    outputs = _outputs(outcome)
    _show(session, outputs)
    if outputs.verdict == "degraded" and tables.verify.fail_on == "degraded":
        raise DegradedError("the node is degraded", hint="see the checks marked WARN; another node may be better")
    return Result(outputs=outputs, warnings=outcome.warnings)


def _gpus(session: Session) -> int:
    wanted = session.settings.tables.verify.min_gpus
    return session.gpus if wanted is None else max(wanted, session.gpus)


def _outputs(outcome: Outcome) -> VerifyOutputs:
    verdict: Verdict = outcome.verdict if outcome.verdict in get_args(Verdict) else "unhealthy"  # type: ignore[assignment]
    return VerifyOutputs(
        verdict=verdict,
        checks=tuple(from_json(HealthCheck, one, where="outcome.json: checks") for one in outcome.checks),
        devices=outcome.devices,
    )


def _show(session: Session, outputs: VerifyOutputs) -> None:
    for check in outputs.checks:
        if check.status != "PASS" or session.console.verbose:
            text = ". ".join(part for part in (check.cause, check.advice) if part)
            session.console.say(f"{MARKS[check.status]} {check.id}: {check.status} {text}".rstrip())
    passed = sum(check.status == "PASS" for check in outputs.checks)
    where = ", ".join(outputs.devices) or "no device"
    session.console.say(f"verdict: {outputs.verdict} ({passed} of {len(outputs.checks)} checks passed; {where})")
