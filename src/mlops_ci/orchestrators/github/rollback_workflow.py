"""`rollback.yml`: one job, that a person starts in a workflow of the caller's."""

from __future__ import annotations

from mlops_ci.orchestrators.github.expressions import FORK, expression, labels_of
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.github.steps import bundle_steps, checkout_step, cosign_steps, secrets
from mlops_ci.orchestrators.github.workflow import document, permission_lines
from mlops_ci.orchestrators.rolling_back import COMMAND, ENVIRONMENT, RUNNER, rollback_file
from mlops_ci.orchestrators.yaml_text import comment, item, pair, pairs, section


def rollback_workflow(profile: Profile) -> str:
    """The text of `rollback.yml`."""
    file = rollback_file()
    (job,) = file.jobs
    steps = [
        checkout_step(profile),
        *bundle_steps(profile),
        *cosign_steps(job, profile),
        a_step("Roll back", id_="stages", env=secrets(job), run=COMMAND),
    ]
    outputs = {one.name: expression(f"steps.stages.outputs.{one.name}") for one in file.outputs}
    body = [
        *pair("name", job.name),
        *pair("if", expression(f"!{FORK}")),
        *pair("runs-on", labels_of(RUNNER, profile.cpu_runner or profile.plan_runner)),
        *pair("timeout-minutes", expression("inputs.timeout")),
        *comment("The environment's protection rules say who may roll back, and from which branch."),
        *pair("environment", expression(f"inputs.{ENVIRONMENT.name}")),
        *section("permissions", permission_lines(job)),
        *section("outputs", pairs(dict(outputs))),
        *section("steps", [line for one in steps for line in item(one)]),
    ]
    about = f"{job.summary[0].upper()}{job.summary[1:]}. Never for code of a fork, which gets no secret."
    return document(file, profile, [[*comment(about), *section(job.name, body)]])
