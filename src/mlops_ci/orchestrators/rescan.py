"""The file of a schedule that holds what was built against today's vulnerability database: one job, and no image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlops_ci.orchestrators.called import HEAD, CalledFile, Output
from mlops_ci.orchestrators.jobs import MINUTES, Job

NAME = "rescan"
COMMAND = "mlops-ci rescan"
RUNNER = "runner-cpu"
# What a training or another job would need.
NOT_HERE = ("runner-plan", "runner-gpu")
OTHER_WORDS: dict[str, dict[str, Any]] = {
    "mode": {"default": "nightly", "about": "which overlay [mode.NAME] applies: whose images are looked at"},
    "dry-run": {"about": "nothing is published here anyway"},
    "timeout": {"default": MINUTES["scan"], "about": "limit of the job, in minutes"},
    RUNNER: {"about": "label of the runner that scans, or a JSON list of labels; seconds of work"},
}


def rescan_file() -> CalledFile:
    """The file of this one job."""
    return CalledFile(
        name=NAME,
        title="Rescan",
        about="what is known today of the images that were built before? It reads their SBOMs, and builds nothing",
        jobs=(_job(),),
        inputs=tuple(replace(one, **OTHER_WORDS.get(one.name, {})) for one in HEAD if one.name not in NOT_HERE),
        outputs=(
            Output(name="result", about="passed or failed: a finding above the policy is a failure", job=NAME),
            Output(name="exit-code", about="0, 1 for findings, 4 when it could not be judged", job=NAME),
            Output(name="run-id", about="id of the run, with its own records and page", job=NAME),
            Output(name="report", about="name of the artifact that holds the report", job=NAME),
        ),
    )


def _job() -> Job:
    return Job(
        name=NAME,
        summary="hold the SBOMs that are kept beside the images against today's vulnerability database",
        stages=("plan", "scan", "report"),
        needs=(),
        runner="cpu",
        # No more than a look at what is kept beside an image: the scanner is others' code.
        permissions={"packages": "read"},
        secrets=("registry",),
        retry=(10,),
        minutes=None,
        untrusted=False,
        guarded=False,
        always=False,
    )
