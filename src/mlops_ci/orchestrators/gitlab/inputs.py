"""The inputs of a file for GitLab: those of every CI system, in GitLab's types, and those that only GitLab has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mlops_ci.orchestrators.beside import NAME as CANARY
from mlops_ci.orchestrators.called import RUN, CalledFile, Default, Input
from mlops_ci.orchestrators.decay import ALONE, RUNNER, SCHEDULED
from mlops_ci.orchestrators.gitlab.document import Flow
from mlops_ci.orchestrators.gitlab.profile import GitLabProfile

AUTO = "auto"
RUN_FROM = "run-from"
# What GitLab has another input for.
OWN_WAY = (RUN.name, RUNNER.name)
BUNDLE_REF = "MLOPS_CI_BUNDLE_REF"
RUNNERS = "runner-"
ROLE_HANDOVER = "aws-role-handover"
MODE = f"which overlay [mode.NAME] applies: {AUTO} (pr in merge requests, else main), or one of your own"


@dataclass(frozen=True, kw_only=True)
class GitLabInput:
    """An input as GitLab's `spec: inputs` has it; without a default (None) it is required."""

    name: str
    kind: Literal["string", "number", "boolean", "array"]
    default: Default | tuple[str, ...] | None
    about: str
    options: tuple[str, ...] = ()
    variable: str | None = None

    def spec(self) -> dict[str, Any]:
        """The mapping below the input's name."""
        found: dict[str, Any] = {"description": self.about, "type": self.kind}
        if self.options:
            found["options"] = Flow(list(self.options))
        if self.default is not None:
            found["default"] = Flow(list(self.default)) if isinstance(self.default, tuple) else self.default
        return found


def use(name: str) -> str:
    """The place where GitLab puts the value of an input."""
    return f"$[[ inputs.{name} ]]"


def prefix(file: CalledFile) -> str:
    """The default prefix of its jobs: two files in one pipeline must have no job in common."""
    return "mlops-" if file.name == "train" else f"mlops-{file.name}-"


def inputs_of(file: CalledFile, profile: GitLabProfile, *, component: bool) -> tuple[GitLabInput, ...]:
    """All inputs, required ones first. A file names the release that it belongs to; a component knows its commit."""
    common = tuple(_common(one, profile) for one in file.inputs if one.name not in OWN_WAY)
    ref = None if component else profile.tag
    own = (
        *_run_from(file),
        *_evaluate(file, profile),
        *_canary(file),
        *_jobs(file, profile),
        *_bundle(profile, ref),
        *_guarded(file),
        *_cloud(file),
        *_handover(file),
    )
    return tuple(sorted((*common, *own), key=lambda one: one.default is not None))


def _common(one: Input, profile: GitLabProfile) -> GitLabInput:
    """An input of every CI system. GitLab chooses runners before `plan` runs: here their tags are lists."""
    if one.name.startswith(RUNNERS):
        kind = one.name.removeprefix(RUNNERS)
        what = {"plan": "plans and reports", "cpu": "needs no GPU", "gpu": "verifies and trains"}[kind]
        tags = profile.tags(kind)
        return GitLabInput(name=one.name, kind="array", default=tags, about=f"tags of the runner for what {what}")
    if one.name == "mode" and one.default == "main":
        return GitLabInput(name="mode", kind="string", default=AUTO, about=MODE, variable=one.variable)
    default = profile.engine if one.name == "engine" else one.default
    return GitLabInput(
        name=one.name, kind=one.kind, default=default, about=one.about, options=one.options, variable=one.variable
    )


def _run_from(file: CalledFile) -> tuple[GitLabInput, ...]:
    if not file.goes_on:
        return ()
    about = "what the names of the jobs begin with that made the run: their job-prefix"
    return (GitLabInput(name=RUN_FROM, kind="string", default=None, about=about),)


def _evaluate(file: CalledFile, profile: GitLabProfile) -> tuple[GitLabInput, ...]:
    evaluates = [job for job in file.jobs if "evaluate" in job.stages]
    if not evaluates:
        return ()
    about = 'tags of the runner for what evaluates: one with a GPU where [evaluate] on = "gpu"'
    if all(job.machine != "evaluate" for job in evaluates):
        # There all the same: what a site includes stays right when it changes its profile.
        about = "not asked: no registry carries the image, so what evaluates is in the job that trains"
    return (GitLabInput(name="runner-evaluate", kind="array", default=profile.cpu_tags, about=about),)


def _canary(file: CalledFile) -> tuple[GitLabInput, ...]:
    """GitLab makes its jobs before `plan` has read the configuration."""
    if not any(job.beside for job in file.jobs):
        return ()
    about = "run the cell of [nightly] canary too, beside the night: a job that may fail"
    return (GitLabInput(name=CANARY, kind="boolean", default=False, about=about),)


def _jobs(file: CalledFile, profile: GitLabProfile) -> tuple[GitLabInput, ...]:
    tags = (
        GitLabInput(name="on-tags", kind="boolean", default=False, about="run in pipelines of tags too"),
        GitLabInput(name="on-branches", kind="boolean", default=False, about="run for pushes to any branch"),
    )
    return (
        GitLabInput(name="stage", kind="string", default="test", about="the stage of all jobs"),
        GitLabInput(name="job-prefix", kind="string", default=prefix(file), about="what job names begin with"),
        GitLabInput(
            name="image",
            kind="string",
            default=profile.image,
            about="image of all jobs: Python 3.11 or newer with venv, git, and for the engine docker its client "
            "or buildx",
        ),
        GitLabInput(name="expire-in", kind="string", default=profile.retention, about="how long artifacts are kept"),
        *(() if file.name in {*SCHEDULED, *ALONE} else tags),
    )


def _bundle(profile: GitLabProfile, ref: str | None) -> tuple[GitLabInput, ...]:
    url = GitLabInput(
        name="bundle-url",
        kind="string",
        default=profile.bundle,
        about="git repository that the tool is fetched from",
        variable="MLOPS_CI_BUNDLE_URL",
    )
    if ref is None:
        return (url,)
    about = "tag or commit of the tool: that which this file is included from"
    return (
        url,
        GitLabInput(name="bundle-ref", kind="string", default=ref, about=about, variable=BUNDLE_REF),
    )


def _guarded(file: CalledFile) -> tuple[GitLabInput, ...]:
    if not any(job.guarded for job in file.jobs):
        return ()
    about = "environment of the jobs that move the champion: protect it to say who may"
    deploys = "environment of the job that deploys an image of it: protect it to say who may"
    found = {
        "promote": GitLabInput(name="environment", kind="string", default="mlops-champion", about=about),
        "deploy": GitLabInput(name="deploy-environment", kind="string", default="mlops-deploy", about=deploys),
    }
    return tuple(found[job.name] for job in file.jobs if job.guarded)


def _cloud(file: CalledFile) -> tuple[GitLabInput, ...]:
    if not any("store" in job.secrets for job in file.jobs):
        return ()
    return (
        GitLabInput(
            name="aws-role",
            kind="string",
            default="",
            about="ARN of the role for the object store, by this pipeline's identity; empty: variables of the project",
            variable="MLOPS_CI_AWS_ROLE",
        ),
        GitLabInput(
            name="aws-audience", kind="string", default="$CI_SERVER_URL", about="audience of that identity's token"
        ),
    )


def _handover(file: CalledFile) -> tuple[GitLabInput, ...]:
    if not any(job.hands_on for job in file.jobs):
        return ()
    return (
        GitLabInput(
            name=ROLE_HANDOVER,
            kind="string",
            default="",
            about="ARN of the role by which each job hands the run on: it reads and writes below handover/ alone",
            variable="MLOPS_CI_HANDOVER_ROLE",
        ),
    )
