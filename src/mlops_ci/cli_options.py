"""Options that commands share, and how a command calls its code: nothing heavy is imported before that."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mlops_ci.commands.options import Options


Command = TypeVar("Command", bound=Callable[..., Any])


class Ordered(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Names in the order of definition."""
        return list(self.commands)


def call(target: str, *arguments: Any, **keywords: Any) -> int:
    """Call `module:function` of the commands: imported only now."""
    module, _, name = target.partition(":")
    function: Callable[..., int] = getattr(importlib.import_module(f"mlops_ci.commands.{module}"), name)
    return function(*arguments, **keywords)


def options(values: dict[str, Any]) -> Options:
    """The shared options among the values of a command."""
    from mlops_ci.commands.options import Options

    fields = {"config", "run", "engine", "variant", "mode", "sets", "only", "force", "json", "verbose"}
    known = {name: value for name, value in values.items() if name in fields}
    return Options(**{**known, "config": Path(known["config"]) if known.get("config") else None})


def together(*shared: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator that gives a command these options, in this order."""

    def give(command: Command) -> Command:
        for option in reversed(shared):
            command = option(command)
        return command

    return give


CONFIG = click.option(
    "--config",
    "-c",
    metavar="FILE",
    envvar="MLOPS_CI_CONFIG",
    help="The configuration (default: mlops.toml here or above).",
)
MODE = click.option("--mode", metavar="NAME", envvar="MLOPS_CI_MODE", help="Overlay [mode.NAME]: pr, main, nightly ...")
SET = click.option(
    "--set", "sets", metavar="KEY=VALUE", multiple=True, help="Change a setting: --set train.params.epochs=5"
)
ENGINE = click.option(
    "--engine",
    type=click.Choice(["auto", "docker", "host", "inside"]),
    default="auto",
    show_default=True,
    envvar="MLOPS_CI_ENGINE",
    help="Where jobs run.",
)
VARIANT = click.option("--variant", metavar="NAME", envvar="MLOPS_CI_VARIANT", help="auto, cpu, cu128 ...")
VERBOSE = click.option("--verbose", "-v", is_flag=True, help="Show the output of quiet steps too.")
RUN = click.option("--run", metavar="ID", envvar="MLOPS_CI_RUN", help="The run (default: the newest).")
JSON = click.option("--json", is_flag=True, help="The result as JSON on standard output.")


# What every command takes that only reads the configuration.
SETTINGS = together(CONFIG, MODE, SET)
stage_options = together(
    CONFIG,
    click.option("--run", metavar="ID", envvar="MLOPS_CI_RUN", help="Go on with this run, or `latest`."),
    ENGINE,
    VARIANT,
    MODE,
    SET,
    click.option("--only", is_flag=True, help="Only these stages, not what they need."),
    click.option("--force", is_flag=True, help="Run also what is done already."),
    JSON,
    VERBOSE,
)
