"""What makes no sense in `[deploy]`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from mlops_ci.config.finding import Finding
from mlops_ci.settings.deploy import DeploySettings
from mlops_ci.settings.settings import Tables

ENTRY = ("deploy", "entry")
DEFAULTS = DeploySettings()


def deploy(tables: Tables) -> Iterator[Finding]:
    """A command that is none, and settings of a stage that is off."""
    ours = tables.deploy
    if ours.command is not None:
        try:
            words = shlex.split(ours.command)
            message = "" if words else "the command has no words"
        except ValueError as error:
            message = f"the command can't be split into words: {str(error).lower()}"
        if message:
            yield Finding(key=("deploy", "command"), message=message)
    if ours.entry is None and ours != DEFAULTS:
        name = next(name for name in vars(DEFAULTS) if getattr(ours, name) != getattr(DEFAULTS, name))
        message = "needs `entry`: without it nothing is deployed"
        yield Finding(key=("deploy", name.replace("_", "-")), message=message, given=(ENTRY,))
