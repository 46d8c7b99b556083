"""mlops-train [COMMAND...]: runs the command now, or on a cron schedule in the foreground, without root or a daemon.

Everything that it is told comes from the environment (see settings.py). Exit codes: the command's own; 2 for settings
that cannot be used.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from . import advice, health, runner, scheduler
from .settings import Settings, SettingsError, read


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run, and give the exit code."""
    if list(arguments) == ["--health"]:
        return health.check(environ)
    try:
        settings = read(arguments, environ)
    except SettingsError as error:
        print(f"mlops-train: {error}", file=sys.stderr)
        return 2
    for line in advice.lines(environ):
        print(f"mlops-train: {line}", file=sys.stderr)
    if settings.scheduled:
        return scheduler.Scheduler(settings).run()
    return _now(settings)


def _now(settings: Settings) -> int:
    """The command at once; where nothing is to be logged it takes our place, signals and terminal included."""
    (task,) = settings.tasks
    if settings.logs is None:
        sys.stdout.flush()
        return _become(task.command)
    return runner.run(task.command, log=runner.log_file(settings.logs, task.name))


def _become(command: Sequence[str]) -> int:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"mlops-train: {command[0]}: {error.strerror}", file=sys.stderr)
        return runner.NOT_FOUND if isinstance(error, FileNotFoundError) else runner.NOT_STARTED
