"""The command line. Commands are import strings: `--help` imports click and nothing heavy."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_ci import pipeline
from mlops_ci.bugs import bug_report
from mlops_ci.errors import InterruptedRunError, MlopsError

if TYPE_CHECKING:
    from mlops_ci.commands.invocation import Options

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Ordered(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Names in the order of definition."""
        return list(self.commands)


@click.group(cls=Ordered, context_settings=CONTEXT, epilog="Docs: README.md. Exit codes: `mlops-ci exit-codes`.")
@click.version_option(version=None, message="%(version)s", package_name="mlops-ci")
def main_group() -> None:
    """One pipeline for teams that train PyTorch models on their own GPU runners.

    plan → build → check → scan → prepare → verify → train → evaluate → publish → promote → report
    """


def _call(target: str, *arguments: Any, **keywords: Any) -> int:
    module, _, name = target.partition(":")
    function: Callable[..., int] = getattr(importlib.import_module(f"mlops_ci.commands.{module}"), name)
    return function(*arguments, **keywords)


def _options(values: dict[str, Any]) -> Options:
    from mlops_ci.commands.invocation import Options

    fields = {"config", "run", "engine", "variant", "mode", "sets", "only", "force", "json", "verbose"}
    known = {name: value for name, value in values.items() if name in fields}
    return Options(**{**known, "config": Path(known["config"]) if known.get("config") else None})


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
JSON = click.option("--json", is_flag=True, help="The result as JSON on standard output.")


def _stage_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            CONFIG,
            click.option("--run", metavar="ID", envvar="MLOPS_CI_RUN", help="Go on with this run, or `latest`."),
            click.option(
                "--engine",
                type=click.Choice(["auto", "docker", "host", "inside"]),
                default="auto",
                show_default=True,
                envvar="MLOPS_CI_ENGINE",
                help="Where jobs run.",
            ),
            click.option("--variant", metavar="NAME", envvar="MLOPS_CI_VARIANT", help="auto, cpu, cu128 ..."),
            MODE,
            SET,
            click.option("--only", is_flag=True, help="Only these stages, not what they need."),
            click.option("--force", is_flag=True, help="Run also what is done already."),
            JSON,
            click.option("--verbose", "-v", is_flag=True, help="Show the output of quiet steps too."),
        )
    ):
        function = option(function)
    return function


@main_group.command("run", short_help="Run the whole pipeline, or the named stages and what they need.")
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@_stage_options
def run_command(stages: tuple[str, ...], **values: Any) -> int:
    """Run the whole pipeline, or the named stages and what they need."""
    return _call("run:run", _options(values), stages)


def _sentence(stage: pipeline.Stage) -> str:
    return f"Stage: {stage.summary}{'' if stage.summary.endswith('?') else '.'}"


def _add_stage(stage: pipeline.Stage) -> None:
    @main_group.command(stage.name, short_help=_sentence(stage), help=_sentence(stage))
    @_stage_options
    def command(**values: Any) -> int:
        return _call("run:run", _options(values), (stage.name,))


for _stage in pipeline.STAGES:
    _add_stage(_stage)


@main_group.command("init", short_help="Write a commented mlops.toml for this repository.")
@click.option("--command", metavar="COMMAND", help="The training command (default: guessed from the repository).")
@click.option("--force", is_flag=True, help="Write over an existing file.")
def init_command(command: str | None, force: bool) -> int:
    """Write a commented mlops.toml for this repository."""
    return _call("init:init", command, force=force)


@main_group.command("runs", short_help="List the runs of this directory.")
@CONFIG
@JSON
def runs_command(**values: Any) -> int:
    """List the runs of this directory, newest first."""
    return _call("runs:runs", _options(values))


@main_group.command("show", short_help="Show what happened in a run.")
@click.argument("run_id", metavar="[RUN]", default="latest")
@CONFIG
@JSON
def show_command(run_id: str, **values: Any) -> int:
    """Show what happened in a run (the latest by default)."""
    return _call("show:show", _options(values), run_id)


@main_group.command("approve", short_help="Approve a promotion that waits for a human.")
@click.argument("run_id", metavar="RUN")
@_stage_options
def approve_command(run_id: str, **values: Any) -> int:
    """Approve a promotion that waits for a human."""
    return _call("approve:approve", _options(values), run_id)


@main_group.command("clean", short_help="Say what .mlops holds, and free it.")
@click.argument("parts", nargs=-1, metavar="[PART]...")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="With `runs`: keep the newest N.")
@CONFIG
@JSON
def clean_command(parts: tuple[str, ...], keep: int | None, **values: Any) -> int:
    """Say what .mlops holds; with PARTs, free them."""
    return _call("clean:clean", _options(values), parts, keep)


@main_group.group("handover", short_help="Hand a run on from one CI job to the next.")
def handover_group() -> None:
    """Hand a run on from one CI job to the next: each packs what it made, the next collects it."""


JOB = click.option("--job", metavar="NAME", required=True, help="The job: plan, build, scan, prepare, train ...")
RUN = click.option("--run", metavar="ID", envvar="MLOPS_CI_RUN", help="The run (default: the newest).")


@handover_group.command("pack", short_help="Put what a job hands on into a folder.")
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@JOB
@CONFIG
@MODE
@SET
@RUN
def pack_command(target: Path, job: str, **values: Any) -> int:
    """Put into FOLDER what a job hands on: its records and the files that later jobs read."""
    return _call("handover:pack", _options(values), job, target)


@handover_group.command("collect", short_help="Put a run together again from what jobs handed on.")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--for", "jobs", metavar="JOB", multiple=True, help="Check that all is there that this job needs.")
@CONFIG
@MODE
@SET
@RUN
def collect_command(folder: Path, jobs: tuple[str, ...], **values: Any) -> int:
    """Put a run together again: the newest attempt of each job below FOLDER, every file checked."""
    return _call("handover:collect", _options(values), folder, jobs)


@handover_group.command("cancelled", short_help="After a cancel: end what is left, and note it.")
@JOB
@_stage_options
def cancelled_command(job: str, **values: Any) -> int:
    """After a cancelled job: end what it left running, and let its record say `cancelled`."""
    return _call("handover:cancelled", _options(values), job)


@main_group.command("result", short_help="The last job of a pipeline: report, and count up the jobs.")
@click.option("--file", metavar="NAME", help="The called file whose jobs count: train, build, scan ...")
@_stage_options
def result_command(file: str | None, **values: Any) -> int:
    """Report on the run, count up the jobs (MLOPS_CI_NEEDS), and hand every fact on as outputs."""
    return _call("result:result", _options(values), file)


@main_group.group("mirror", short_help="Everything from outside, as one archive for sites without a network.")
def mirror_group() -> None:
    """Everything that this project needs from outside: listed, exported as one checksummed archive, imported again."""


ENGINE = click.option(
    "--engine",
    type=click.Choice(["auto", "docker", "host"]),
    default="auto",
    show_default=True,
    envvar="MLOPS_CI_ENGINE",
    help="Docker: finished images. Host: the wheels to make environments from.",
)
VARIANT = click.option("--variant", metavar="NAME", envvar="MLOPS_CI_VARIANT", help="auto, cpu, cu128 ...")
VERBOSE = click.option("--verbose", "-v", is_flag=True, help="Show the output of quiet steps too.")


@mirror_group.command("list", short_help="List base images, wheels, scanner, actions, the tool.")
@CONFIG
@ENGINE
@VARIANT
@MODE
@SET
@JSON
def mirror_list_command(**values: Any) -> int:
    """List everything that the project needs from outside, with sizes where they are known. Fetches nothing."""
    return _call("mirror:list_needs", _options(values))


@mirror_group.command("export", short_help="Write all of it into one archive.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["images", "wheels", "database", "actions", "tool"]),
    help="Leave this out; may be given several times.",
)
@CONFIG
@ENGINE
@VARIANT
@MODE
@SET
@JSON
@VERBOSE
def mirror_export_command(file: Path, without: tuple[str, ...], **values: Any) -> int:
    """Fetch what is listed and write it into FILE, a tar whose every byte is checked on import.

    The same command goes on where it was interrupted: what was fetched lies in FILE.parts until FILE is whole.
    """
    return _call("mirror:export", _options(values), file, without)


@mirror_group.command("import", short_help="Check an archive, and put all of it where the pipeline takes it from.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--registry", metavar="HOST/PREFIX", help="Push the images there, for all machines of the site.")
@click.option(
    "--to",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where wheels and actions go (default: .mlops/mirror).",
)
@CONFIG
@MODE
@SET
@JSON
@VERBOSE
def mirror_import_command(file: Path, registry: str | None, folder: Path | None, **values: Any) -> int:
    """Check every byte of FILE, then load images, lay out wheels and the scanner's database; needs no network.

    Prints the settings that make the pipeline use all of it. Run again, it changes nothing.
    """
    return _call("mirror:bring", _options(values), file, registry, folder)


@main_group.command("doctor", short_help="Say what this machine has and lacks.")
@JSON
def doctor_command(**values: Any) -> int:
    """Say what this machine has and lacks, with a fix for each lack."""
    return _call("doctor:doctor", as_json=values["json"])


@main_group.command("exit-codes", short_help="The table of exit codes.")
def exit_codes_command() -> int:
    """Print the table of exit codes."""
    return _call("exit_codes:exit_codes")


def main(arguments: list[str] | None = None) -> None:
    """The entry point: runs a command and exits with its code; errors are told in their own words."""
    try:
        code = main_group.main(arguments, prog_name="mlops-ci", standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except MlopsError as error:
        code = _tell(error)
    except (KeyboardInterrupt, click.Abort):
        code = _tell(InterruptedRunError("interrupted", hint="the same command goes on where it stopped"))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001  # whatever it is, the user gets a report to paste and exit code 70
        code = _tell(bug_report(error))
    sys.exit(code or 0)


def _tell(error: MlopsError) -> int:
    from mlops_ci.commands.voice import new_console

    console = new_console(verbose=False)
    problems = getattr(error, "problems", ())
    for problem in problems:
        console.annotate("error", "configuration", problem.message, problem.file or problem.where, problem.line)
    if problems:
        console.say(f"{error.hint} (exit {error.exit_code})")
        return error.exit_code
    for line in error.details:
        console.output(f"    {line}")
    console.annotate("error", f"{error.failure_class} (exit {error.exit_code})", f"{error.cause}\n{error.hint}".strip())
    return error.exit_code
