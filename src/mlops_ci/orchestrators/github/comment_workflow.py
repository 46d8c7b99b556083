"""The opt-in file that writes a run onto its pull request: the one place where a token may do that."""

from __future__ import annotations

from mlops_ci.orchestrators.called import HEAD, Input
from mlops_ci.orchestrators.github.expressions import FORK, expression, plan_labels
from mlops_ci.orchestrators.github.frame import framed
from mlops_ci.orchestrators.github.handing_on import INCOMING
from mlops_ci.orchestrators.github.interface import OWN, input_lines
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.github.steps import bundle_steps, checkout_step
from mlops_ci.orchestrators.yaml_text import Value, comment, item, pair, section

NAME = "comment"
INPUTS: tuple[Input, ...] = (
    *(one for one in HEAD if one.name in ("config", "mode", "settings", "runner-plan")),
    *(one for one in OWN if one.name not in ("retention-days", "registry")),
)
PERMISSIONS: dict[str, tuple[str, str]] = {
    "contents": ("read", "to read the configuration"),
    "pull-requests": ("write", "to write the comment"),
}


def comment_workflow(profile: Profile) -> str:
    """The text of `comment.yml`."""
    inputs = [line for one in _inputs() for line in input_lines(one)]
    variables = {one.variable: expression(f"inputs.{one.name}") for one in INPUTS if one.variable}
    job = [
        *comment(
            "Not for code of a fork, whose token may write nothing anyway. It reads the run that the called file "
            "before it handed on, and runs no code of the pull request."
        ),
        *section(NAME, _job(profile)),
    ]
    return framed(
        NAME,
        "Comment: what happened, as one comment on the pull request, kept up to date.",
        call=section("inputs", inputs),
        jobs=[job],
        variables=dict(variables),
    )


def _inputs() -> tuple[Input, ...]:
    """A caller comments on pull requests, whose mode that is."""
    return tuple(
        Input(name=one.name, kind=one.kind, default="pr", about=one.about, variable=one.variable)
        if one.name == "mode"
        else one
        for one in INPUTS
    )


def _job(profile: Profile) -> list[str]:
    return [
        *pair("name", NAME),
        *pair("if", expression(f"github.event.pull_request && !{FORK}")),
        *pair("runs-on", plan_labels(profile)),
        "timeout-minutes: 10",
        *section("permissions", [f"{scope}: {access} # {why}" for scope, (access, why) in PERMISSIONS.items()]),
        *section("steps", [line for one in _steps(profile) for line in item(one)]),
    ]


def _steps(profile: Profile) -> list[list[str]]:
    pattern: dict[str, Value] = (
        {} if profile.artifacts == 3 else {"pattern": expression("inputs.artifact-prefix") + "*"}
    )
    return [
        checkout_step(profile),
        *bundle_steps(profile),
        a_step(
            "Download what the pipeline handed on",
            uses=profile.action("download").uses,
            with_={**pattern, "path": INCOMING},
        ),
        a_step("Put the run together again, every file checked", run=f"mlops-ci handover collect {INCOMING}"),
        a_step(
            "Write the comment",
            why="The one step with a token. Its exit code is 0 whatever happens: a comment fails no pipeline.",
            env={"GITHUB_TOKEN": expression("github.token")},
            run="mlops-ci comment",
        ),
    ]
