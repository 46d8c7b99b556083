"""The opt-in file that shows a scan's findings as alerts of the repository: the one place where a token may do that."""

from __future__ import annotations

from mlops_ci.orchestrators.called import Input
from mlops_ci.orchestrators.github.expressions import FORK, expression, plan_labels
from mlops_ci.orchestrators.github.frame import framed
from mlops_ci.orchestrators.github.interface import input_lines
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.yaml_text import comment, item, pair, section

NAME = "code-scanning"
FILE = "scan.sarif"
FOLDER = ".mlops/report"
INPUTS = (
    Input(name="report", kind="string", default=None, about="the output `report` of the call that scanned"),
    Input(
        name="category",
        kind="string",
        default="mlops-ci",
        about="tells the alerts of several configurations in one repository apart",
    ),
    Input(
        name="runner-plan",
        kind="string",
        default="",
        about="label of the runner, or a JSON list of labels: seconds of work",
    ),
)
PERMISSIONS: dict[str, tuple[str, str]] = {
    "actions": ("read", "to know this run, in a private repository"),
    "contents": ("read", "to know the commit, in a private repository"),
    "security-events": ("write", "to write the alerts"),
}


def code_scanning_workflow(profile: Profile) -> str:
    """The text of `code-scanning.yml`."""
    job = [
        *comment("Not for code of a fork, whose token may write nothing anyway. It runs no code of the repository."),
        *section(NAME, _job(profile)),
    ]
    return framed(
        NAME,
        "Code scanning: the findings of a scan as alerts of the repository, at the line that brought them in.",
        call=section("inputs", [line for one in INPUTS for line in input_lines(one)]),
        jobs=[job],
    )


def _job(profile: Profile) -> list[str]:
    return [
        *pair("name", NAME),
        *pair("if", expression(f"inputs.report != '' && !{FORK}")),
        *pair("runs-on", plan_labels(profile)),
        "timeout-minutes: 10",
        *section("permissions", [f"{scope}: {access} # {why}" for scope, (access, why) in PERMISSIONS.items()]),
        *section("steps", [line for one in _steps(profile) for line in item(one)]),
    ]


def _steps(profile: Profile) -> list[list[str]]:
    return [
        a_step(
            "Download the report",
            uses=profile.action("download").uses,
            with_={"name": expression("inputs.report"), "path": FOLDER},
        ),
        a_step(
            "Look whether anything was scanned",
            why="A scan that could not be carried out has written nothing: then the alerts stay as they are.",
            id_="found",
            run=f'echo "file=$(find {FOLDER} -name \'{FILE}\' -print -quit)" >>"$GITHUB_OUTPUT"',
        ),
        a_step(
            "Show the findings as alerts",
            condition=expression("steps.found.outputs.file != ''"),
            uses=profile.action("upload-sarif").uses,
            with_={
                "sarif_file": expression("steps.found.outputs.file"),
                "category": expression("inputs.category"),
            },
        ),
    ]
