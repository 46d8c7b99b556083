"""The file of a schedule that scores the champion on today's data: one job, that needs no other and begins no run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlops_ci.orchestrators.called import HEAD, CalledFile, Input, Output, called_files
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.rescan import NAME as RESCAN
from mlops_ci.orchestrators.rescan import rescan_file
from mlops_ci.orchestrators.rolling_back import NAME as ROLLBACK
from mlops_ci.orchestrators.rolling_back import rollback_file

NAME = "decay"
# The files that run in a schedule, and in nothing else.
SCHEDULED = ("nightly", NAME, RESCAN)
# The files of one job, which begin no run of a training.
ALONE = (NAME, RESCAN, ROLLBACK)
COMMAND = "mlops-ci nightly decay"
# The machine is an input: no job before it could read [runners].
RUNNER = Input(
    name="runner-evaluate",
    kind="string",
    default="",
    about='label of the runner that scores, or a JSON list of labels: one with a GPU where [evaluate] on = "gpu"',
)
# What a training or another job would need.
NOT_HERE = ("runner-plan", "runner-cpu", "runner-gpu")
OTHER_WORDS: dict[str, dict[str, Any]] = {
    "mode": {"default": "weekly", "about": "which overlay [mode.NAME] applies, and whose schedule the stamps are of"},
    "dry-run": {"about": "leave no stamp of the schedule, as always for a pull or merge request"},
    "timeout": {"default": 120, "about": "limit of the job, in minutes"},
}


def decay_file() -> CalledFile:
    """The file of this one job."""
    return CalledFile(
        name=NAME,
        title="Decay",
        about="is the champion still as good on today's data? It trains, publishes and moves nothing",
        jobs=(_job(),),
        inputs=(*(replace(one, **OTHER_WORDS.get(one.name, {})) for one in HEAD if one.name not in NOT_HERE), RUNNER),
        outputs=(
            Output(name="result", about="passed or failed: a champion that has decayed is a failure", job="evaluate"),
            Output(name="exit-code", about="0, 1 when it has decayed, else the code of the error", job="evaluate"),
            Output(name="run-id", about="id of the run, with its own records and page", job="evaluate"),
            Output(name="report", about="name of the artifact that holds the report", job="evaluate"),
        ),
    )


def all_files() -> tuple[CalledFile, ...]:
    """Every file that users call with inputs in common: those of the pipeline, and those of one job."""
    return (*called_files(), decay_file(), rescan_file(), rollback_file())


def any_file(name: str) -> CalledFile:
    """The file of that name; raises `KeyError`."""
    return {one.name: one for one in all_files()}[name]


def _job() -> Job:
    return Job(
        name="evaluate",
        summary="score the champion on today's data, and compare with its promotion",
        stages=("plan", "build", "prepare", "evaluate", "report"),
        needs=(),
        runner="cpu",
        # Nobody has built before it: an image that is not there yet is built here, and pushed as a build job would.
        permissions={"id-token": "write", "packages": "write"},
        secrets=("registry", "store", "tracking", "channels"),
        retry=(10,),
        minutes=None,
        untrusted=False,
        guarded=False,
        always=False,
    )
