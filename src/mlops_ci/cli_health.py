"""`mlops-ci verify` and `mlops-ci health-check`: may this node train?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlops_ci.cli_options import call, options, stage_options

LEVELS = ["static", "quick", "standard", "long"]
BUDGET = click.option("--budget", metavar="TIME", help="Time for all checks: 15, 60 (default), 300, 90s, 5m.")
LEVEL = click.option("--level", type=click.Choice(LEVELS), help="Which checks (default: by the budget).")
FAIL_ON = click.option("--fail-on", type=click.Choice(["degraded", "unhealthy"]), help="The verdict that fails.")
HISTORY = "A folder or s3://bucket/prefix that keeps every verdict."


def verify_command(summary: str) -> click.Command:
    """The command of the stage, with options of its own."""

    @click.command("verify", short_help=summary, help=f"{summary}\n\nWith --history: rank nodes and GPUs instead.")
    @click.option("--history", "place", metavar="PLACE", help="Rank the nodes and GPUs of that folder or s3://…")
    @BUDGET
    @LEVEL
    @FAIL_ON
    @stage_options
    def command(place: str | None, **values: Any) -> int:
        if place is not None:
            return call("health:ranking", place, as_json=values["json"])
        given = {name: values.pop(name) for name in ("budget", "level", "fail_on")}
        sets = tuple(f"verify.{name.replace('_', '-')}={text}" for name, text in given.items() if text is not None)
        return call("run:run", options({**values, "sets": (*sets, *values["sets"])}), ("verify",))

    return command


@click.command("health-check", short_help="May this node train? Without any configuration.")
@click.option("--image", metavar="REF", help="Look from within this image, with Docker (default: on this machine).")
@click.option("--python", metavar="FILE", type=click.Path(path_type=Path), help="A Python with torch (default: yours).")
@click.option("--gpus", type=click.IntRange(0), help="GPUs that must be usable (default: those that are visible).")
@BUDGET
@LEVEL
@click.option("--check", "only", metavar="NAME", multiple=True, help="Only this check, or group of checks.")
@click.option(
    "--fail-on", type=click.Choice(["degraded", "unhealthy"]), default="unhealthy", show_default=True,
    help="The verdict from which on the exit code is not 0.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "junit", "markdown", "prometheus"]), default="text",
    show_default=True, help="What is written.",
)  # fmt: skip
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write it there.")
@click.option("--history", "place", metavar="PLACE", help=HISTORY)
@click.option("--max-age", metavar="TIME", help="How long a verdict on the same GPUs since the same boot counts.")
def health_check_command(**values: Any) -> int:
    """May this node train? Without configuration, run or image of ours.

    Exit codes: 0 it may; 1 degraded, with --fail-on degraded; 3 settings, image and machine do not fit together;
    11 this node is unhealthy, another one may do.
    """
    return call("health:health_check", **values)
