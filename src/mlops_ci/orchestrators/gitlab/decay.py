"""`decay.yml`, `rescan.yml` and `rollback.yml` for GitLab: one job each, in a schedule of its own or by hand.

A login for the vulnerability database is in a job before it.
"""

from __future__ import annotations

from typing import Any

from mlops_ci.orchestrators import database_job, decay, rescan, rolling_back
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.gitlab import scripts
from mlops_ci.orchestrators.gitlab.document import Explained, Flow
from mlops_ci.orchestrators.gitlab.inputs import GitLabInput, use
from mlops_ci.orchestrators.gitlab.jobs import (
    GITLAB_REPORT,
    PROMOTION,
    REGISTRY,
    SCANNED,
    TOKEN,
    fetches,
    named,
    shared,
)
from mlops_ci.orchestrators.jobs import Job

COMMANDS = {decay.NAME: decay.COMMAND, rescan.NAME: rescan.COMMAND, rolling_back.NAME: rolling_back.COMMAND}
WHEN = {decay.NAME: "the champion has decayed", rescan.NAME: "there are findings"}


def scheduled_jobs(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> dict[str, Explained]:
    """The jobs of such a file by their names."""
    *before, job = file.jobs
    common = shared(file, inputs)
    if file.name == rolling_back.NAME:
        return {named(job.name): Explained(f"{job.summary[0].upper()}{job.summary[1:]}.", _rollback(job, common))}
    takes = [database_job.TAKE] if before else []
    found: dict[str, Any] = {
        **common,
        "tags": use(f"runner-{job.machine}"),
        "timeout": f"{use('timeout')} minutes",
        "needs": Flow([named(one) for one in job.needs]),
        "variables": {**common["variables"], **REGISTRY},
        **({"id_tokens": {TOKEN: Flow({"aud": use("aws-audience")})}} if "store" in job.secrets else {}),
        "script": [
            Explained(f"Also when it fails, as it does when {WHEN[file.name]}.", f"trap '{scripts.reports()}' EXIT"),
            *takes,
            COMMANDS[file.name],
        ],
        "artifacts": {
            "when": Explained("Of one that failed above all.", "always"),
            "expire_in": use("expire-in"),
            "paths": [f"{scripts.FOLDER}/"],
            "reports": {
                "junit": f"{scripts.FOLDER}/junit.xml",
                "metrics": f"{scripts.FOLDER}/metrics.txt",
                "annotations": f"{scripts.FOLDER}/annotations.json",
                **({SCANNED: f"{scripts.FOLDER}/{GITLAB_REPORT}"} if "scan" in job.stages else {}),
                "dotenv": scripts.OUTPUTS,
            },
        },
    }
    bodies = [(one, {**common, **fetches(one)}) for one in before]
    return {
        named(one.name): Explained(f"{one.summary[0].upper()}{one.summary[1:]}.", body)
        for one, body in [*bodies, (job, found)]
    }


def _rollback(job: Job, common: dict[str, Any]) -> dict[str, Any]:
    return {
        **common,
        "interruptible": False,
        "tags": use(f"runner-{job.machine}"),
        "timeout": f"{use('timeout')} minutes",
        "needs": Flow([]),
        "resource_group": Explained("One at a time in this project, whichever pipeline it is.", PROMOTION),
        "environment": Explained(
            "No deployment: the environment says who may, and holds the variables for it.",
            Flow({"name": use(rolling_back.ENVIRONMENT.name), "action": "access"}),
        ),
        "variables": {
            **common["variables"],
            "LOGNAME": Explained("Who starts the job is who rolls back.", "$GITLAB_USER_LOGIN"),
        },
        "id_tokens": {TOKEN: Flow({"aud": use("aws-audience")})},
        "script": [rolling_back.COMMAND],
        "artifacts": {"when": "always", "expire_in": use("expire-in"), "reports": {"dotenv": scripts.OUTPUTS}},
    }
