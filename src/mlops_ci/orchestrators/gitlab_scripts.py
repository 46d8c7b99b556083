"""What the jobs of a file for GitLab run: they fetch the tool, call it, and hand the run on."""

from __future__ import annotations

import shlex
from typing import Any

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.gitlab_inputs import GitLabInput, use
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.yaml_text import Explained

BUNDLE = ".mlops/bundle"
# Everything that a job leaves for GitLab and for other jobs lies in `.mlops`, which is never part of the code.
FOLDER = ".mlops/gitlab"
HANDOVER = ".mlops/handover"
OUTPUTS = f"{FOLDER}/outputs.env"
SETUP = f"{BUNDLE}/ci/gitlab/setup.py"
ENVIRONMENT = f"{FOLDER}/environment.sh"
# The single quotes keep the token out of the arguments: only the shell that git starts for the helper reads it.
LOGIN = "'!f() { echo username=gitlab-ci-token; echo \"password=$CI_JOB_TOKEN\"; }; f'"
FORK = (
    "This merge request comes from a fork. Its code is not run here, where runners and variables of this project are "
    "in reach: look at it, push its branch to this project, and open a merge request from there."
)

Line = str | Explained


def before_script(inputs: tuple[GitLabInput, ...]) -> list[Line]:
    """The tool at the commit of the bundle, in an environment from its hash-pinned lock, on PATH."""
    return [
        Explained(
            "Only this file comes with an include: the tool itself is fetched at the commit that belongs to it, with\n"
            "the job's own token where the repository asks for a login.",
            f"git init --quiet {BUNDLE}",
        ),
        f'git -C {BUNDLE} -c credential."$CI_SERVER_URL".helper={LOGIN}'
        ' fetch --quiet --depth 1 "$MLOPS_CI_BUNDLE_URL" "$MLOPS_CI_BUNDLE_REF"',
        f"git -C {BUNDLE} -c advice.detachedHead=false checkout --quiet FETCH_HEAD",
        f"mkdir -p {FOLDER}",
        f"python3 {SETUP} >{ENVIRONMENT}",
        f". {ENVIRONMENT}",
        *_booleans(inputs),
    ]


def _booleans(inputs: tuple[GitLabInput, ...]) -> list[Line]:
    """GitLab takes no boolean as the value of a variable; in a script one can only be `true` or `false`."""
    lines: list[Line] = [
        f'export {one.variable}="{use(one.name)}"' for one in inputs if one.kind == "boolean" and one.variable
    ]
    if lines:
        why = "A variable cannot hold a boolean at GitLab; as text it can be nothing but true or false."
        lines[0] = Explained(why, lines[0])
    return lines


def script(file: CalledFile, job: Job) -> list[Line]:
    """The stages of the job, on what the jobs before have handed on."""
    begins = job.name == "plan" and not file.goes_on
    command = shlex.join(job.command)
    if begins:
        return [command]
    return [f"mlops-ci handover collect {HANDOVER}", f"{command} --run latest"]


def after_script(job: str, stages: tuple[str, ...]) -> list[Line]:
    """The job's records and files for the jobs after it, also when it failed or was cancelled."""
    return [f". {ENVIRONMENT}", shlex.join(["mlops-ci", "handover", "pack", HANDOVER, "--job", job, *stages])]


def approve_script() -> list[Line]:
    """A person's yes: noted, promoted, reported."""
    return [f"mlops-ci handover collect {HANDOVER}", "mlops-ci approve latest"]


def fork_script() -> list[Any]:
    """Nothing of the fork is fetched or run. What could not be checked has not passed."""
    return [f"echo {shlex.quote(FORK)}", "exit 4"]
