"""`decay.yml` and `rescan.yml`: one job each, that a schedule of the caller's starts; a login for the vulnerability
database is in a job before it.
"""

from __future__ import annotations

from mlops_ci.orchestrators import database_job, rescan
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.decay import COMMAND, RUNNER, decay_file
from mlops_ci.orchestrators.github.expressions import FORK, expression, labels_of
from mlops_ci.orchestrators.github.handing_on import report_name, report_step, take_database
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.github.steps import bundle_steps, checkout_step, cosign_steps, database_steps, secrets
from mlops_ci.orchestrators.github.workflow import document, permission_lines
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.yaml_text import comment, item, pair, pairs, section


def decay_workflow(profile: Profile) -> str:
    """The text of `decay.yml`."""
    return _scheduled(decay_file(), profile, RUNNER.name, a_step_name="Score the champion", command=COMMAND)


def rescan_workflow(profile: Profile) -> str:
    """The text of `rescan.yml`."""
    file = database_job.fetching(rescan.rescan_file(), profile.database)
    return _scheduled(file, profile, rescan.RUNNER, a_step_name="Scan what was built", command=rescan.COMMAND)


def _scheduled(file: CalledFile, profile: Profile, runner: str, *, a_step_name: str, command: str) -> str:
    *before, job = file.jobs
    found = {name: expression(f"steps.stages.outputs.{name}") for name in ("run-id", "exit-code")}
    if before:
        found["exit-code"] = expression("steps.stages.outputs.exit-code || steps.take.outputs.exit-code")
    # What ends before there is a run says no more than its exit code.
    found["result"] = expression("steps.stages.outputs.result || 'failed'")
    found["report"] = report_name(file)
    body = [
        *_head(job, profile, runner),
        *section("outputs", pairs(dict(found))),
        *section("steps", [line for one in _steps(file, profile, a_step_name, command) for line in item(one)]),
    ]
    return document(file, profile, [*(_fetches(one, file, profile, runner) for one in before), _told(job, body)])


def _fetches(job: Job, file: CalledFile, profile: Profile, runner: str) -> list[str]:
    steps = [line for one in database_steps(job, file, profile) for line in item(one)]
    return _told(job, [*_head(job, profile, runner), *section("steps", steps)])


def _head(job: Job, profile: Profile, runner: str) -> list[str]:
    return [
        *pair("name", job.name),
        *([f"needs: [{', '.join(job.needs)}]"] if job.needs else []),
        *pair("if", expression(f"!{FORK}")),
        *pair("runs-on", labels_of(runner, profile.cpu_runner or profile.plan_runner)),
        *pair("timeout-minutes", expression("inputs.timeout") if job.minutes is None else job.minutes),
        *section("permissions", permission_lines(job)),
    ]


def _told(job: Job, body: list[str]) -> list[str]:
    about = f"{job.summary[0].upper()}{job.summary[1:]}. Never for code of a fork, which gets no secret and no data."
    return [*comment(about), *section(job.name, body)]


def _steps(file: CalledFile, profile: Profile, name: str, command: str) -> list[list[str]]:
    *_, job = file.jobs
    return [
        checkout_step(profile),
        *bundle_steps(profile),
        *cosign_steps(job, profile),
        *take_database(job, file, profile),
        a_step(name, id_="stages", env=secrets(job), run=command),
        report_step(job, file, profile),
    ]
