"""The file that puts the champion of before back: one job that a person starts, and no run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlops_ci.orchestrators.called import HEAD, CalledFile, Input, Output
from mlops_ci.orchestrators.jobs import MINUTES, Job

NAME = "rollback"
COMMAND = "mlops-ci rollback"
RUNNER = "runner-cpu"
ENVIRONMENT = Input(
    name="rollback-environment",
    kind="string",
    default="mlops-rollback",
    about="the environment of the job: its protection rules say who may roll back",
)
# What a training or another job would need.
NOT_HERE = ("runner-plan", "runner-gpu", "engine", "variant")
OTHER_WORDS: dict[str, dict[str, Any]] = {
    "mode": {"default": "", "about": "which overlay [mode.NAME] applies; empty: none"},
    "dry-run": {"about": "verify, say what would be done, and move nothing"},
    "timeout": {"default": MINUTES["promote"], "about": "limit of the job, in minutes"},
    RUNNER: {"about": "label of the runner that moves the alias, or a JSON list of labels"},
}
OWN = (
    Input(
        name="model",
        kind="string",
        default="",
        about="the model; empty: that of the configuration",
        variable="MLOPS_CI_ROLLBACK_MODEL",
    ),
    Input(
        name="to",
        kind="string",
        default="",
        about="the version that becomes the champion again; empty: the champion of before",
        variable="MLOPS_CI_ROLLBACK_TO",
    ),
    Input(
        name="expected",
        kind="string",
        default="",
        about="the version that must be the champion now, else nothing is moved; empty: whichever it is",
        variable="MLOPS_CI_ROLLBACK_EXPECTED",
    ),
    ENVIRONMENT,
)


def rollback_file() -> CalledFile:
    """The file of this one job."""
    head = (replace(one, **OTHER_WORDS.get(one.name, {})) for one in HEAD if one.name not in NOT_HERE)
    return CalledFile(
        name=NAME,
        title="Rollback",
        about="the champion of before is the champion again, when its files are still what was published",
        jobs=(_job(),),
        inputs=(*head, *OWN),
        outputs=(
            Output(name="champion", about="the version that is the champion afterwards", job=NAME),
            Output(name="moved", about="true when the alias was moved", job=NAME),
            Output(name="exit-code", about="0, 2 when there is none, 4 when it was refused", job=NAME),
        ),
    )


def _job() -> Job:
    return Job(
        name=NAME,
        summary="verify the version of before, and move the champion alias back to it",
        stages=("promote",),
        needs=(),
        runner="cpu",
        permissions={"id-token": "write"},
        secrets=("store", "tracking"),
        retry=(10,),
        minutes=None,
        untrusted=False,
        guarded=False,
        always=False,
    )
