"""What the jobs of a file for GitLab run: they fetch the tool, call it, and hand the run on."""

from __future__ import annotations

import shlex

from mlops_ci.orchestrators import database_job
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.gitlab.document import Explained
from mlops_ci.orchestrators.gitlab.inputs import GitLabInput, use
from mlops_ci.orchestrators.jobs import Job

# All that a job keeps or leaves lies in `.mlops`, which is never part of the code.
BUNDLE = ".mlops/bundle"
FOLDER = ".mlops/gitlab"
HANDOVER = ".mlops/handover"
SETUP = f"{BUNDLE}/ci/gitlab/setup.py"
ENVIRONMENT = ".mlops/environment.sh"
OUTPUTS = f"{FOLDER}/outputs.env"
# The run that plan has begun, from its dotenv report.
RUN = "MLOPS_RESULT_RUN_ID"
# The single quotes keep the token out of the arguments: only the shell that git starts for the helper reads it.
LOGIN = "'!f() { echo username=gitlab-ci-token; echo \"password=$CI_JOB_TOKEN\"; }; f'"
FETCH = f"""\
git -C {BUNDLE} -c credential."$CI_SERVER_URL".helper={LOGIN} \\
  fetch --quiet --depth 1 "$MLOPS_CI_BUNDLE_URL" "$MLOPS_CI_BUNDLE_REF\""""
FORK = (
    "This merge request comes from a fork: nothing of it was run.",
    "Look at the changes, push the branch to this project, and open the merge request from there.",
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
        FETCH,
        f"git -C {BUNDLE} checkout --quiet --detach FETCH_HEAD",
        f"mkdir -p {FOLDER}",
        f"python3 {SETUP} >{ENVIRONMENT}",
        f". {ENVIRONMENT}",
        *_booleans(inputs),
    ]


def _booleans(inputs: tuple[GitLabInput, ...]) -> list[Line]:
    """Booleans that the tool reads, unless a rule has set them already."""
    found = [one for one in inputs if one.kind == "boolean" and one.variable]
    lines: list[Line] = [f'export {one.variable}="${{{one.variable}:-{use(one.name)}}}"' for one in found]
    if lines:
        why = (
            "GitLab takes no boolean as the value of a variable; as text it is true or false, and a rule's value wins."
        )
        lines[0] = Explained(why, lines[0])
    return lines


def script(file: CalledFile, job: Job) -> list[Line]:
    """The stages of the job, on what the jobs before have handed on."""
    if job.always:
        nothing = f'test -z "${{{RUN}:-}}"' if job.hands_on else f"test ! -d {HANDOVER}"
        return [
            Explained(
                "Also when it fails, as it does when another job has failed.", f"trap '{_afterwards(file)}' EXIT"
            ),
            Explained("Nothing was handed on when not even plan came so far.", f"{nothing} || {_collect(job, file)}"),
            f"mlops-ci result --file {file.name}",
        ]
    keep = Explained(
        "Also when a stage fails: its record, and what a later try can go on from.", f"trap '{_pack(file, job)}' EXIT"
    )
    if job.name == "plan" and not file.goes_on:
        return [keep, shlex.join(job.command)]
    commands = [shlex.join([*part.command, "--run", "latest", "--as-planned"]) for part in job.steps]
    scans = database_job.takes(job) and database_job.is_fetched(file)
    return [_collect(job, file, needed=True), keep, *([database_job.TAKE] if scans else []), *commands]


def after_script(file: CalledFile, job: Job) -> list[Line]:
    """After a cancel, which ends the script at once."""
    return [
        Explained("Only a cancelled job has something left to do.", 'test "$CI_JOB_STATUS" = canceled || exit 0'),
        f". {ENVIRONMENT}",
        f"mlops-ci handover cancelled --file {file.name} --job {job.name}",
        _pack(file, job),
    ]


def approve_script(file: CalledFile, job: Job) -> list[Line]:
    """A person's yes: noted, promoted, deployed, reported."""
    takes = [database_job.TAKE] if database_job.is_fetched(file) else []
    return [_collect(job, file), *takes, "mlops-ci approve latest", reports()]


def fork_script() -> list[Line]:
    """Nothing of the fork is fetched or run."""
    return [
        *(f"echo {shlex.quote(line)}" for line in FORK),
        Explained("What could not be checked has not passed.", "exit 4"),
    ]


def _collect(job: Job, file: CalledFile, *, needed: bool = False) -> str:
    """With `needed` it is an error when something is not there that the job needs."""
    aim = f" --for {job.name}" if needed else ""
    if job.hands_on:
        return f'mlops-ci handover pull --file {file.name}{aim or " --light"} --run "${RUN}"'
    return f"mlops-ci handover collect {HANDOVER} --file {file.name}{aim}"


def _pack(file: CalledFile, job: Job) -> str:
    if job.hands_on:
        return f"mlops-ci handover push --file {file.name} --job {job.name}"
    return f"mlops-ci handover pack {HANDOVER} --file {file.name} --job {job.name}"


def _afterwards(file: CalledFile) -> str:
    """What people see of the run. The note of a merge request is the whole pipeline's, whose run knows all."""
    note = "; mlops-ci comment --optional" if file.name == "train" else ""
    return f"{reports()}{note}"


def reports() -> str:
    """What GitLab shows of the run."""
    return f"mlops-ci reports {FOLDER}"
