"""The jobs of a file for GitLab, as the mappings that its YAML is written from."""

from __future__ import annotations

from typing import Any

from mlops_ci.orchestrators import gitlab_scripts as scripts
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.gitlab_inputs import BUNDLE_REF, RUN_FROM, GitLabInput, use
from mlops_ci.orchestrators.gitlab_rules import fork_rules, rules
from mlops_ci.orchestrators.jobs import Job, jobs_of
from mlops_ci.orchestrators.yaml_text import Explained, Flow
from mlops_ci.pipeline import NAMES

Mapped = dict[str, Any]

TOKEN = "MLOPS_CI_AWS_TOKEN"  # noqa: S105  # the name of a variable
# GitLab allows no more.
MOST_RETRIES = 2
# One lock of the project for all files that can move the champion.
PROMOTION = "mlops-ci-promotion"
# Stages that change what others see: never interrupted, and not for what is not merged.
CHANGING = frozenset({"publish", "promote"})


def jobs(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> dict[str, Mapped]:
    """All jobs of the file by their names, the hidden one that they share first."""
    found = {_hidden(): _shared(file, inputs)}
    for job in file.jobs:
        found[named(job.name)] = _job(file, job)
        if job.guarded:
            found[named("approve")] = _approve(file, job)
    found[named("fork")] = _fork()
    return found


def named(job: str) -> str:
    """The name of a job, with the prefix that the caller chooses."""
    return f"{use('job-prefix')}{job}"


def _hidden() -> str:
    return f".{named('job')}"


def _shared(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> Mapped:
    return {
        "stage": use("stage"),
        "image": use("image"),
        "interruptible": True,
        "variables": _variables(inputs),
        "rules": rules(file),
        "before_script": scripts.before_script(inputs),
        "artifacts": {
            "when": Explained("A failed job hands on its record too, and what a later try can resume from.", "always"),
            "expire_in": use("expire-in"),
        },
    }


def _variables(inputs: tuple[GitLabInput, ...]) -> Mapped:
    """What the tool reads from its environment, so that no value of a user becomes part of a script."""
    found: Mapped = {"MLOPS_CI_PROVIDER": "gitlab"}
    found |= {one.variable: use(one.name) for one in inputs if one.variable and one.kind in {"string", "number"}}
    if BUNDLE_REF not in found:
        found[BUNDLE_REF] = Explained("The very commit of this component.", "$[[ component.sha ]]")
    return found


def _job(file: CalledFile, job: Job) -> Mapped:
    changing = bool(CHANGING & set(job.stages))
    found: Mapped = {
        "extends": _hidden(),
        "tags": use(f"runner-{job.runner}"),
        "timeout": f"{job.minutes if job.minutes is not None else use('timeout')} minutes",
    }
    if job.always or changing:
        found["rules"] = rules(file, when="always" if job.always else "on_success", changing=changing)
    found |= _order(file, job)
    if changing:
        found["interruptible"] = False
    if job.guarded:
        found |= _guard()
    if "store" in job.secrets:
        found["id_tokens"] = {TOKEN: Flow({"aud": use("aws-audience")})}
    if job.runner == "gpu":
        found["cache"] = _resumable(job)
    found["script"] = scripts.script(file, job)
    found["after_script"] = scripts.after_script(job.name, job.stages)
    found["artifacts"] = _artifacts(job)
    return found


def _order(file: CalledFile, job: Job) -> Mapped:
    """After which jobs it starts, whose records it gets, and after which failures it is tried again."""
    retry = {"max": MOST_RETRIES, "when": Flow(["runner_system_failure"]), "exit_codes": Flow(list(job.retry))}
    return {
        "needs": [*_earlier(file), *_needs(file, job)] or Flow([]),
        "retry": Explained(f"Exit codes: {', '.join(f'{code} {MEANING[code]}' for code in job.retry)}.", retry),
    }


MEANING = {10: "infrastructure", 11: "an unhealthy node", 12: "preempted, goes on from its checkpoint"}


def _needs(file: CalledFile, job: Job) -> list[Any]:
    """All jobs whose records it reads, however far back: GitLab gives a job the artifacts of those it names."""
    before = file.jobs[: file.jobs.index(job)]
    wanted = {one.name for one in before} if job.always else _closure(file, job)
    return [_need(named(one.name), one) for one in before if one.name in wanted]


def _need(name: str, job: Job) -> Any:
    """A job that there is not in every pipeline is no condition."""
    return Flow({"job": name, "optional": True}) if CHANGING & set(job.stages) else name


def _closure(file: CalledFile, job: Job) -> set[str]:
    found: set[str] = set()
    pending = [*job.needs]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += file.job(name).needs
    return found


def _earlier(file: CalledFile) -> list[str]:
    """The jobs of another file, whose run this one goes on with."""
    if not file.goes_on:
        return []
    known = {stage for job in file.jobs for stage in job.stages if stage != "plan"}
    return [f"{use(RUN_FROM)}{job.name}" for job in jobs_of(name for name in NAMES if name not in known)]


def _guard() -> Mapped:
    return {
        "resource_group": Explained("One at a time in this project, whichever pipeline it is.", PROMOTION),
        "environment": Explained(
            "No deployment: the environment says who may, and holds the variables for it.",
            Flow({"name": use("environment"), "action": "access"}),
        ),
    }


def _resumable(job: Job) -> Mapped:
    """Artifacts do not reach the next try of the same job; a cache does."""
    return {
        "key": Explained(
            "The next try of this job in the same pipeline goes on here.", f"{named(job.name)}-$CI_PIPELINE_ID"
        ),
        "paths": Flow([".mlops/runs/"]),
        "when": "always",
    }


def _artifacts(job: Job) -> Mapped:
    paths = [f"{scripts.HANDOVER}/{job.name}-*"]
    if job.name == "plan":
        return {"paths": paths, "reports": {"dotenv": scripts.OUTPUTS}}
    return {"paths": paths}


def _approve(file: CalledFile, job: Job) -> Mapped:
    """A person starts it when `promote` waits for one."""
    return {
        "extends": _hidden(),
        "tags": use(f"runner-{job.runner}"),
        "timeout": f"{job.minutes} minutes",
        "rules": rules(file, when="manual", changing=True),
        "needs": [*_earlier(file), *_needs(file, job), named(job.name)],
        "interruptible": False,
        **_guard(),
        "variables": {"LOGNAME": Explained("Who pressed the button is who approved.", "$GITLAB_USER_LOGIN")},
        "script": scripts.approve_script(),
        "artifacts": {"paths": [f"{scripts.FOLDER}/"]},
    }


def _fork() -> Mapped:
    return {
        "stage": use("stage"),
        "image": use("image"),
        "tags": use("runner-plan"),
        "rules": fork_rules(),
        "variables": {"GIT_STRATEGY": "none"},
        "script": scripts.fork_script(),
    }
