"""`mlops-ci shell [STAGE]`: the image, mounts, limits and environment of a stage's job, with a shell in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click

from mlops_ci.commands.invocation import open_session, termination
from mlops_ci.commands.options import Options, project_root
from mlops_ci.commands.terminal import Terminal, terminal
from mlops_ci.console import Console
from mlops_ci.engines.base import Engine, Job
from mlops_ci.errors import UsageError
from mlops_ci.run.run import Run, open_run
from mlops_ci.run.workspace import Workspace
from mlops_ci.stages.scratch import scratch
from mlops_ci.stages.session import Session
from mlops_ci.stages.shell import known_stage, shell_job

FOLDER = "shell"


class NoTerminalError(UsageError):
    """A shell needs a terminal, and there is none."""


def shell(options: Options, stage: str, argv: Sequence[str]) -> int:
    """A shell (or the command `argv`) where the stage's own command would run; its exit code.

    The run, its records and MLflow are not touched: all that is written goes to a folder that is removed at the end.
    """
    known_stage(stage)
    person = None if argv else terminal()
    if not argv and person is None:
        raise NoTerminalError(
            "a shell needs a terminal on its standard input and output",
            hint="run one command without one: mlops-ci shell -- COMMAND ...",
        )
    workspace = Workspace(root=project_root(options))
    workspace.prepare()
    with scratch(workspace.folder / FOLDER) as folder:
        # The lock is free again while somebody sits in the shell: other runs may go on.
        with open_session(_as_the_run(options, open_run(workspace.runs, options.run or "latest"))) as session:
            job = shell_job(session, stage, folder, argv=argv, terminal=person.kind if person else None)
            _say(session, stage)
            engine, console = session.engine, session.console
        with termination():
            return _converse(engine, job, person) if person else _command(engine, job, console)


def _as_the_run(options: Options, run: Run) -> Options:
    """The options of this call on top of what the run was called with."""
    return replace(
        options,
        run=run.id,
        engine=run.info.engine if options.engine == "auto" else options.engine,
        mode=options.mode or run.info.mode,
        sets=(*run.info.sets, *options.sets),
    )


def _converse(engine: Engine, job: Job, person: Terminal) -> int:
    with person.raw():
        return engine.converse(job, person).exit_code


def _command(engine: Engine, job: Job, console: Console) -> int:
    return engine.run(job, lambda line: click.echo(console.redactor.clean(line))).exit_code


def _say(session: Session, stage: str) -> None:
    say = session.console.say
    say(f"shell of the stage {stage}, run {session.run.id}, engine {session.engine.name}")
    for difference in _differences(session, session.run):
        say(f"! {difference}")
    say("the working copy is a COPY of your files: what you change in it is gone when you leave")
    say("nothing here is recorded: no MLflow run is named to it, and the run's records stay as they are")


def _differences(session: Session, run: Run) -> list[str]:
    found = []
    if session.resolution.code_sha256 != run.info.lineage.code_sha256:
        commit = (run.info.lineage.commit or "unknown")[:12]
        found.append(f"the code is that of this folder now, which is not the run's (commit {commit})")
    if session.resolution.config_sha256 != run.info.lineage.config_sha256:
        found.append("the settings are those of this call, which are not the run's")
    return found
