"""`decay.yml` and `rescan.yml`: one job each, that a schedule of the caller's starts."""

from __future__ import annotations

from mlops_ci.orchestrators import rescan
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.decay import COMMAND, RUNNER, decay_file
from mlops_ci.orchestrators.github.expressions import FORK, expression, labels_of
from mlops_ci.orchestrators.github.handing_on import report_name, report_step
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.github.steps import bundle_steps, checkout_step, cosign_steps, secrets
from mlops_ci.orchestrators.github.workflow import document, permission_lines
from mlops_ci.orchestrators.yaml_text import comment, item, pair, pairs, section


def decay_workflow(profile: Profile) -> str:
    """The text of `decay.yml`."""
    return _scheduled(decay_file(), profile, RUNNER.name, a_step_name="Score the champion", command=COMMAND)


def rescan_workflow(profile: Profile) -> str:
    """The text of `rescan.yml`."""
    return _scheduled(
        rescan.rescan_file(), profile, rescan.RUNNER, a_step_name="Scan what was built", command=rescan.COMMAND
    )


def _scheduled(file: CalledFile, profile: Profile, runner: str, *, a_step_name: str, command: str) -> str:
    (job,) = file.jobs
    found = {name: expression(f"steps.stages.outputs.{name}") for name in ("run-id", "exit-code")}
    # What ends before there is a run says no more than its exit code.
    found["result"] = expression("steps.stages.outputs.result || 'failed'")
    found["report"] = report_name(file)
    body = [
        *pair("name", job.name),
        *pair("if", expression(f"!{FORK}")),
        *pair("runs-on", labels_of(runner, profile.cpu_runner or profile.plan_runner)),
        *pair("timeout-minutes", expression("inputs.timeout")),
        *section("permissions", permission_lines(job)),
        *section("outputs", pairs(dict(found))),
        *section("steps", [line for one in _steps(file, profile, a_step_name, command) for line in item(one)]),
    ]
    about = f"{job.summary[0].upper()}{job.summary[1:]}. Never for code of a fork, which gets no secret and no data."
    return document(file, profile, [[*comment(about), *section(job.name, body)]])


def _steps(file: CalledFile, profile: Profile, name: str, command: str) -> list[list[str]]:
    (job,) = file.jobs
    return [
        checkout_step(profile),
        *bundle_steps(profile),
        *cosign_steps(job, profile),
        a_step(name, id_="stages", env=secrets(job), run=command),
        report_step(job, file, profile),
    ]
