"""The job that a person lets through when promote waits for one: alone in an environment that has reviewers."""

from __future__ import annotations

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.github.expressions import expression, job_labels
from mlops_ci.orchestrators.github.handing_on import collect, exit_codes, hand_on, page_afterwards
from mlops_ci.orchestrators.github.interface import APPROVAL
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.github.steps import bundle_steps, checkout_step, cosign_steps, secrets
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.yaml_text import Value, comment, item, pair, pairs, section

# It may push no image: who deploys is a job of its own.
COMMAND = "mlops-ci approve latest --no-deploy"


def approve_job(job: Job, file: CalledFile, profile: Profile, permissions: list[str]) -> list[str]:
    """The job, which may do what promote may, and tells what it did."""
    environment = f"inputs.{APPROVAL.name}"
    waits = f"!cancelled() && {environment} != '' && needs.promote.outputs.waiting == 'true'"
    who: dict[str, Value] = {"LOGNAME": expression(environment)}
    steps = [
        checkout_step(profile),
        *bundle_steps(profile),
        *collect(job, file, profile),
        *cosign_steps(job, profile),
        a_step(
            "Note the approval, promote, report",
            why="What is noted as who approved is the environment: GitHub tells no job which of its reviewers it was.",
            id_="stages",
            env={**who, **secrets(job)},
            run=COMMAND,
        ),
        *hand_on(job, file, profile),
        page_afterwards(job, file, profile),
    ]
    about = "A person lets it through when promote waits for one: a verdict `review`, or [publish] approval."
    outputs: dict[str, Value] = {
        "promoted": expression("steps.stages.outputs.promoted"),
        "exit-code": expression(" || ".join(exit_codes(job, file, profile))),
    }
    body = [
        *pair("name", job.name),
        f"needs: [{', '.join(job.needs)}]",
        *comment("Without an environment that has reviewers nobody could say no, and nothing is approved."),
        *pair("if", expression(waits)),
        *pair("runs-on", job_labels(job, profile)),
        *pair("timeout-minutes", job.minutes or 0),
        *pair("environment", expression(environment)),
        *section("permissions", permissions),
        *section("env", pair("MLOPS_CI_RUN", expression("needs.plan.outputs.run-id"))),
        *section("outputs", pairs(outputs)),
        *section("steps", [line for one in steps for line in item(one)]),
    ]
    return [*comment(about), *section(job.name, body)]
