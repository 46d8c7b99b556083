"""The opt-in file that tries failed jobs again: only where machine or network was at fault, and not for ever."""

from __future__ import annotations

from mlops_ci.orchestrators.called import Input
from mlops_ci.orchestrators.github.expressions import expression, plan_labels
from mlops_ci.orchestrators.github.frame import framed
from mlops_ci.orchestrators.github.handing_on import INCOMING
from mlops_ci.orchestrators.github.interface import OWN, input_lines
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.github.steps import bundle_steps
from mlops_ci.orchestrators.yaml_text import Value, comment, item, pair, section

NAME = "retry"
INPUTS: tuple[Input, ...] = (
    Input(name="attempts", kind="number", default=3, about="how many tries a pipeline has in all"),
    Input(
        name="runner-plan",
        kind="string",
        default="",
        about="label of the runner that looks at the result, or a JSON list of labels",
    ),
    *(one for one in OWN if one.name not in ("retention-days", "registry")),
)


def retry_workflow(profile: Profile) -> str:
    """The text of `retry.yml`; empty where the artifacts of another workflow run cannot be had."""
    if profile.artifacts == 3:
        return ""
    body = [
        *pair("name", NAME),
        *pair("runs-on", plan_labels(profile)),
        "timeout-minutes: 15",
        *section(
            "permissions",
            ["actions: write # to read the artifacts of the finished run, and to start its failed jobs again"],
        ),
        *section("steps", [line for one in _steps(profile) for line in item(one)]),
    ]
    job = [
        *comment(
            "Reads what the pipeline handed on and starts nothing of its own: no code of the finished run is "
            "checked out here, since it may be a fork's."
        ),
        *section(NAME, body),
    ]
    return framed(
        NAME,
        "Retry: failed jobs once more, when the machine or the network was at fault.",
        call=section("inputs", [line for one in INPUTS for line in input_lines(one)]),
        jobs=[job],
    )


def _steps(profile: Profile) -> list[list[str]]:
    token = expression("github.token")
    prefix: dict[str, Value] = {"pattern": expression("inputs.artifact-prefix") + "*-result-*"}
    return [
        *bundle_steps(profile),
        a_step(
            "Download the results of the finished run",
            uses=profile.action("download").uses,
            with_={
                **prefix,
                "path": INCOMING,
                "run-id": expression("github.event.workflow_run.id"),
                "github-token": token,
            },
        ),
        a_step(
            "Try again what is worth it",
            env={"GITHUB_TOKEN": token, "ATTEMPTS": expression("inputs.attempts")},
            run=f'mkdir -p {INCOMING} && mlops-ci retry {INCOMING} --attempts "$ATTEMPTS"',
        ),
    ]
