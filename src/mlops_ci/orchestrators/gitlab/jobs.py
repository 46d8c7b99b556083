"""The jobs of a file for GitLab, as the mappings that its YAML is written from."""

from __future__ import annotations

from typing import Any

from mlops_ci import pipeline
from mlops_ci.orchestrators import database_job
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.gitlab import scripts
from mlops_ci.orchestrators.gitlab.document import Explained, Flow
from mlops_ci.orchestrators.gitlab.inputs import BUNDLE_REF, ROLE_HANDOVER, GitLabInput, use
from mlops_ci.orchestrators.gitlab.order import needs_of, retry
from mlops_ci.orchestrators.gitlab.rules import fork_rules, rules
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.together import ONE_JOB, VARIABLE, shares

Mapped = dict[str, Any]

TOKEN, HANDOVER_TOKEN = "MLOPS_CI_AWS_TOKEN", "MLOPS_CI_HANDOVER_TOKEN"  # names of variables
# Where cosign looks for the identity that signs, and for whom that must be made out.
SIGNING_TOKEN, SIGSTORE = "SIGSTORE_ID_TOKEN", "sigstore"
# The login that GitLab gives each job for its project's own registry.
REGISTRY = {
    "MLOPS_CI_REGISTRY_USERNAME": "$CI_REGISTRY_USER",
    "MLOPS_CI_REGISTRY_PASSWORD": "$CI_REGISTRY_PASSWORD",
}
REGISTRY_IMAGE = {
    "MLOPS_CI_DEFAULT_REGISTRY": Explained("Where no other is named: the project's own.", "$CI_REGISTRY_IMAGE")
}
# GitLab's report of what was found in images, under the name that the scan gives it.
SCANNED, GITLAB_REPORT = "container_scanning", "gl-container-scanning-report.json"
# See `engines/inside_image.py`.
IMAGE_VARIABLE = "MLOPS_JOB_IMAGE"
# One lock of the project for all files that can move the champion.
PROMOTION, DEPLOYMENT = "mlops-ci-promotion", "mlops-ci-deployment"
APPROVED = "promote"
# Stages that change what others see: never interrupted, and not for what is not merged.
CHANGING = frozenset({"publish", "promote", "deploy"})
HIDDEN, HIDDEN_CHANGING = "job", "changing-job"


def jobs(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> dict[str, Explained]:
    """All jobs of the file by their names, after the hidden ones that they share."""
    found = {hidden(HIDDEN): Explained("What all jobs share.", shared(file, inputs))}
    if any(map(changing, file.jobs)):
        why = "Jobs that change what others see: neither interrupted nor for what is not merged."
        found[hidden(HIDDEN_CHANGING)] = Explained(why, _shared_changing(file))
    for job in file.jobs:
        body = {"extends": hidden(HIDDEN), **fetches(job)} if job.name == database_job.NAME else _job(file, job)
        found[named(job.name)] = Explained(_summary(job), body)
        if job.name == APPROVED:
            found[named("approve")] = Explained("A person starts it when promote waits for one.", _approve(file, job))
    if file.name != "nightly":
        found[named("fork")] = Explained("Says why nothing runs for a merge request from a fork.", _fork())
    return found


def named(job: str) -> str:
    """The name of a job, with the prefix that the caller chooses."""
    return f"{use('job-prefix')}{job}"


def hidden(job: str) -> str:
    """The name of a job that others extend."""
    return f".{named(job)}"


def changing(job: Job) -> bool:
    """Whether it changes what others see."""
    return bool(CHANGING & set(job.stages))


def _summary(job: Job) -> str:
    if not job.stages:
        return f"{job.summary[0].upper()}{job.summary[1:]}."
    if job.beside:
        return f"{job.summary[0].upper()}{job.summary[1:]}. It begins when the night has been judged."
    sentences = [pipeline.stage(name).summary for name in job.stages]
    return " ".join(f"{one[0].upper()}{one[1:]}{'' if one.endswith('?') else '.'}" for one in sentences)


def shared(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> Mapped:
    """What every job of a file has."""
    return {
        "stage": use("stage"),
        "image": use("image"),
        "interruptible": True,
        "rules": rules(file),
        "retry": retry((10,)),
        "variables": _variables(file, inputs),
        "before_script": scripts.before_script(inputs),
        "artifacts": {"when": _why_always(file), "expire_in": use("expire-in")},
    }


def _why_always(file: CalledFile) -> Explained:
    if any(job.hands_on for job in file.jobs):
        return Explained("What people look at, above all of what failed; the run itself lies in the store.", "always")
    return Explained("A failed job hands on its record too, and what a later try can resume from.", "always")


def _shared_changing(file: CalledFile) -> Mapped:
    return {"extends": hidden(HIDDEN), "interruptible": False, "rules": rules(file, changing=True)}


def _variables(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> Mapped:
    """What the tool reads from its environment, so that no value of a user becomes part of a script."""
    found: Mapped = {
        "MLOPS_CI_PROVIDER": "gitlab",
        **({} if file.images == ONE_JOB else REGISTRY_IMAGE),
        IMAGE_VARIABLE: Explained("What the engine `inside` compares between jobs, by its digest.", use("image")),
    }
    if any(one.name == ROLE_HANDOVER for one in inputs):
        found["MLOPS_CI_HANDOVER"] = "store"
    if database_job.is_fetched(file):
        found[database_job.VARIABLE] = "job"
    if shares(file):
        found[VARIABLE] = Explained(
            "Which jobs this file has: no registry carries images from one to another.", ONE_JOB
        )
    found |= {one.variable: use(one.name) for one in inputs if one.variable and one.kind in {"string", "number"}}
    if BUNDLE_REF not in found:
        found[BUNDLE_REF] = Explained("The very commit of this component.", "$[[ component.sha ]]")
    return found


def _job(file: CalledFile, job: Job) -> Mapped:
    found: Mapped = {
        "extends": hidden(HIDDEN_CHANGING if changing(job) else HIDDEN),
        "tags": use(f"runner-{job.machine}"),
        "timeout": f"{job.minutes if job.minutes is not None else use('timeout')} minutes",
    }
    found |= {"when": "always"} if job.always else {}
    if job.beside:
        found["rules"] = rules(file, beside=True)
        found["allow_failure"] = Explained("Whatever becomes of it, the night is as it is.", True)
    found["needs"] = [_need(one, name) for one, name in needs_of(file, job)] or Flow([])
    # What counts up the others ends as they did: trying it again changes nothing.
    codes = () if job.always else job.retry
    found |= {} if codes == (10,) else {"retry": retry(codes)}
    found |= _guard(job) if job.guarded else {}
    if "registry" in job.secrets:
        found["variables"] = REGISTRY
    if tokens := _tokens(job):
        found["id_tokens"] = tokens
    found |= {"cache": _resumable(job)} if job.runner == "gpu" else {}
    found["script"] = scripts.script(file, job)
    found |= {} if job.always else {"after_script": scripts.after_script(file, job)}
    if artifacts := _artifacts(job):
        found["artifacts"] = artifacts
    return found


def fetches(job: Job) -> Mapped:
    """What the job that fetches the vulnerability database has of its own."""
    return {
        "tags": use(f"runner-{job.machine}"),
        "timeout": f"{job.minutes} minutes",
        "needs": Flow([named(one) for one in job.needs]),
        "environment": Explained(
            "No deployment: variables with the login that have this scope reach this job alone.",
            Flow({"name": database_job.ENVIRONMENT, "action": "access"}),
        ),
        "script": [database_job.FETCH],
        "artifacts": {
            "when": "on_success",
            "expire_in": Explained("It is old soon.", "1 day"),
            "paths": Flow([f"{database_job.FOLDER}/"]),
        },
    }


def _tokens(job: Job) -> Mapped:
    """Identities: at the object store of the stages, and of the commands that hand the run on; of who signs."""
    audience = Flow({"aud": use("aws-audience")})
    names = [*([TOKEN] if "store" in job.secrets else []), *([HANDOVER_TOKEN] if job.hands_on else [])]
    own = (
        {SIGNING_TOKEN: Explained("Signs images as this very pipeline.", Flow({"aud": SIGSTORE}))} if job.signs else {}
    )
    return {**dict.fromkeys(names, audience), **own}


def _need(job: Job, name: str) -> Any:
    """A job that there is not in every pipeline is no condition."""
    return Flow({"job": name, "optional": True}) if changing(job) or job.beside else name


def _guard(job: Job) -> Mapped:
    promotes = job.name == APPROVED
    said = "No deployment: the environment" if promotes else "The environment"
    return {
        "resource_group": Explained(
            "One at a time in this project, whichever pipeline it is.", PROMOTION if promotes else DEPLOYMENT
        ),
        "environment": Explained(
            f"{said} says who may, and holds the variables for it.",
            Flow({"name": use("environment" if promotes else "deploy-environment"), "action": "access"}),
        ),
    }


def _resumable(job: Job) -> Mapped:
    """Artifacts do not reach the next try of the same job; a cache does."""
    return {
        "key": Explained("The next try of this job goes on from here.", f"{named(job.name)}-$CI_PIPELINE_ID"),
        "paths": Flow([".mlops/runs/"]),
        "when": "always",
    }


def _artifacts(job: Job) -> Mapped:
    if job.always:
        return {
            "expose_as": "mlops-ci",
            "paths": [f"{scripts.FOLDER}/"],
            "reports": {
                "junit": f"{scripts.FOLDER}/junit.xml",
                "codequality": f"{scripts.FOLDER}/gl-code-quality.json",
                "metrics": f"{scripts.FOLDER}/metrics.txt",
                "annotations": f"{scripts.FOLDER}/annotations.json",
                "cyclonedx": f"{scripts.FOLDER}/gl-sbom-*.cdx.json",
                SCANNED: f"{scripts.FOLDER}/{GITLAB_REPORT}",
                "dotenv": scripts.OUTPUTS,
            },
        }
    paths = {} if job.hands_on else {"paths": [f"{scripts.HANDOVER}/{job.name}-*"]}
    return {**paths, "reports": {"dotenv": scripts.OUTPUTS}} if job.name == "plan" else paths


def _approve(file: CalledFile, job: Job) -> Mapped:
    # What a person has approved is deployed in the same job: programs that run a pipeline on one's own machine refuse
    # one with a job behind what nobody has started.
    deploys = file.job("deploy")
    fetched = [named(database_job.NAME)] if database_job.is_fetched(file) else []
    return {
        "extends": hidden(HIDDEN_CHANGING),
        "tags": use(f"runner-{job.runner}"),
        "timeout": f"{(job.minutes or 0) + (deploys.minutes or 0)} minutes",
        "when": "manual",
        "allow_failure": Explained("The pipeline does not wait for it.", True),
        "needs": [*(_need(one, name) for one, name in needs_of(file, job)), named(job.name), *fetched],
        **_guard(job),
        "variables": {
            "LOGNAME": Explained("Who starts the job is who approves.", "$GITLAB_USER_LOGIN"),
            **(REGISTRY if "registry" in deploys.secrets else {}),
        },
        **({"id_tokens": tokens} if (tokens := _tokens(deploys)) else {}),
        "script": scripts.approve_script(file, job),
        "artifacts": {
            "paths": [f"{scripts.FOLDER}/"],
            "reports": {
                "dotenv": Explained("For jobs of yours behind it: what it promoted and deployed.", scripts.OUTPUTS)
            },
        },
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
