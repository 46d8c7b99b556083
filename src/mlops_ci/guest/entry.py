"""`python mlops-guest.pyz run TASK_JSON` and `python mlops-guest.pyz leash -- ARGV...`.

Standard input is the leash: a pipe whose other end the control side holds for as long as it wants the job to run.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from mlops_ci.guest import environment, exits, layout, outcome
from mlops_ci.guest.classify import Verdict
from mlops_ci.guest.processes.children import shell_code
from mlops_ci.guest.processes.supervisor import Supervisor, Watch
from mlops_ci.guest.processes.warden import guard
from mlops_ci.guest.task import Task, TaskError, read_task

USAGE = "usage: mlops-guest.pyz run TASK_JSON | leash -- ARGV...\n"
SERVER_GRACE = 3.0


def main(arguments: list[str]) -> int:
    """The exit code: the outcome's, or that of the program on the leash (128 + signal for a killed one)."""
    if len(arguments) == 2 and arguments[0] == "run":
        return run(Path(arguments[1]))
    if len(arguments) > 2 and arguments[:2] == ["leash", "--"]:
        return leash(arguments[2:])
    if arguments[:1] in (["convert"], ["notebook"], ["rank"], ["probe"]):
        return _within(arguments[0], arguments[1:])
    sys.stderr.write(USAGE)
    return exits.USAGE


def _within(name: str, arguments: list[str]) -> int:
    """What the guest starts inside of a job: another part of itself, in a process of its own."""
    if name == "convert":
        from mlops_ci.guest import weights

        return weights.main(arguments)
    if name == "notebook":
        from mlops_ci.guest import notebook

        return notebook.main(arguments)
    if name == "rank":
        from mlops_ci.guest.ranks import guardian

        return guardian.main(arguments)
    from mlops_ci.guest.health import probe

    return probe.main(arguments)


def run(path: Path) -> int:
    """Do one task under the leash."""
    try:
        task = read_task(path)
    except TaskError as error:
        sys.stderr.write(f"mlops-ci: {error}\n")
        return exits.INTERNAL
    try:
        outcome.begin(task.paths.job)
        environment.prepare_folders(task)
    except OSError as error:
        return _not_writable(task, error)
    try:
        return guard(
            lambda pipe: _do(task, pipe),
            lambda number: outcome.crashed(task.paths.job, task.run, task.stage, number),
            relay=task.kind == "shell",
        )
    finally:
        # The keeper does this too: either of the two may have been killed.
        environment.remove_link(environment.short_link(task))


def leash(argv: list[str]) -> int:
    """Run any program until it ends or the leash is lost; its output is ours."""

    def body(pipe: int) -> int:
        supervisor = Supervisor(leash=pipe, grace=SERVER_GRACE)
        try:
            ended = supervisor.run(argv, environment=os.environ, folder=".", watch=Watch(), capture=False)
        except OSError as error:
            sys.stderr.write(f"mlops-ci: {argv[0]} cannot be started: {error.strerror}\n")
            return 127
        finally:
            supervisor.close()
        return shell_code(ended.code)

    return guard(body, lambda number: shell_code(-number))


def _not_writable(task: Task, error: OSError) -> int:
    cause = f"a folder of the job cannot be written to: {error.filename}: {error.strerror}"
    hint = "Check owner, mode and free space of that folder; in a container, that it is mounted for writing."
    sys.stderr.write(f"mlops-ci: {cause}\n")
    verdict = Verdict("not-writable", exits.MISSING, cause, hint)
    return outcome.finish(task.paths.job, outcome.Outcome(run=task.run, stage=task.stage), verdict)


def _do(task: Task, pipe: int) -> int:
    try:
        if task.kind == "health":
            from mlops_ci.guest.health.job import HealthJob

            return HealthJob(task, pipe).run()
        if task.kind == "shell":
            from mlops_ci.guest.shell_job import ShellJob

            return ShellJob(task, pipe).run()
        from mlops_ci.guest.command_job import CommandJob

        return CommandJob(task, pipe).run()
    except Exception as error:
        traceback.print_exc()
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if frame.filename.startswith(str(layout.root()))] or frames
        cause = f"{type(error).__name__}: {error} ({Path(ours[-1].filename).name}:{ours[-1].lineno})"
        hint = "This is a bug of mlops-ci: please report it with the log."
        verdict = Verdict("internal", exits.INTERNAL, cause, hint)
        return outcome.finish(task.paths.job, outcome.Outcome(run=task.run, stage=task.stage), verdict)
    finally:
        environment.remove_link(environment.short_link(task))
