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
from mlops_ci.version import version

if TYPE_CHECKING:
    from mlops_ci.commands.invocation import Options

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Ordered(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Names in the order of definition."""
        return list(self.commands)


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(version())
        ctx.exit()


@click.group(cls=Ordered, context_settings=CONTEXT, epilog="Docs: README.md. Exit codes: `mlops-ci exit-codes`.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
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
ENGINE = click.option(
    "--engine",
    type=click.Choice(["auto", "docker", "host", "inside"]),
    default="auto",
    show_default=True,
    envvar="MLOPS_CI_ENGINE",
    help="Where jobs run.",
)
VERBOSE = click.option("--verbose", "-v", is_flag=True, help="Show the output of quiet steps too.")
JSON = click.option("--json", is_flag=True, help="The result as JSON on standard output.")


def _stage_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            CONFIG,
            click.option("--run", metavar="ID", envvar="MLOPS_CI_RUN", help="Go on with this run, or `latest`."),
            ENGINE,
            click.option("--variant", metavar="NAME", envvar="MLOPS_CI_VARIANT", help="auto, cpu, cu128 ..."),
            MODE,
            SET,
            click.option("--only", is_flag=True, help="Only these stages, not what they need."),
            click.option("--force", is_flag=True, help="Run also what is done already."),
            JSON,
            VERBOSE,
        )
    ):
        function = option(function)
    return function


@main_group.command("run", short_help="Run the whole pipeline, or the named stages and what they need.")
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option("--as-planned", is_flag=True, help="Only note those stages that plan has left out.")
@_stage_options
def run_command(stages: tuple[str, ...], as_planned: bool, **values: Any) -> int:
    """Run the whole pipeline, or the named stages and what they need."""
    return _call("run:run", _options(values), stages, as_planned=as_planned)


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


class BeforeDashes(click.Command):
    """A command whose arguments after `--` belong to another program, whatever stands before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take off what follows the first `--` before anything is parsed."""
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta["after"] = tuple(args[cut + 1 :])
        return super().parse_args(ctx, args[:cut])


@main_group.command("shell", cls=BeforeDashes, short_help="A shell where a stage's command runs.")
@click.argument("stage", metavar="[STAGE] [-- COMMAND...]", default="train")
@_stage_options
@click.pass_context
def shell_command(ctx: click.Context, /, stage: str, **values: Any) -> int:
    """A shell in the image, mounts, limits and environment of a stage's job (train by default) of the newest run.

    After `--`: one command in place of the shell, without a terminal. The exit code is that of the shell or command.
    """
    return _call("shell:shell", _options(values), stage, ctx.meta["after"])


@main_group.command("reproduce", short_help="Repeat a finished run, and say how near it came.")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--tolerance",
    "tolerances",
    metavar="[METRIC=]SHARE",
    multiple=True,
    help="Relative distance that is no difference, of all metrics or of one: 0.01, loss=0.05.",
)
@ENGINE
@CONFIG
@JSON
@VERBOSE
def reproduce_command(run_id: str, tolerances: tuple[str, ...], **values: Any) -> int:
    """Repeat a finished run from its lineage, publish nothing, and compare the two.

    Exit codes: 0 equal or within tolerance, 1 different, 4 could not be carried out (which input is gone is said).
    """
    return _call("reproduce:reproduce", _options(values), run_id, tolerances)


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


@main_group.group("render", short_help="Write the graph down for a CI system.")
def render_group() -> None:
    """Write the graph down as the files of a CI system, with a site's own names, runners and mirrors."""


OUTPUT = click.option(
    "--output",
    metavar="DIR",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The repository that gets them.",
)
CHECK = click.option("--check", is_flag=True, help="Write nothing; exit code 1 when a file is not as rendered.")


@render_group.command("github", short_help="The reusable workflows and the setup action.")
@click.option("--profile", metavar="NAME", default="default", show_default=True, help="default, enterprise, FILE.toml.")
@OUTPUT
@CHECK
def render_github_command(profile: str, output: Path, check: bool) -> int:
    """Write .github/workflows/{train,build,scan,verify,publish,nightly}.yml and .github/actions/setup/action.yml."""
    return _call("render:github", profile, output, check=check)


@render_group.command("gitlab", short_help="The files to include, and CI/CD components.")
@click.option(
    "--profile", metavar="NAME", default="default", show_default=True, help="default, self-managed, FILE.toml."
)
@OUTPUT
@CHECK
def render_gitlab_command(profile: str, output: Path, check: bool) -> int:
    """Write ci/gitlab/{train,build,scan,verify,publish,nightly}.yml, and the same as components in templates/."""
    return _call("render:gitlab", profile, output, check=check)


JOB = click.option("--job", metavar="NAME", required=True, help="The job: plan, build, scan, prepare, train ...")
FILE = click.option("--file", metavar="NAME", default="train", show_default=True, help="The called file of the job.")
RUN = click.option("--run", metavar="ID", envvar="MLOPS_CI_RUN", help="The run (default: the newest).")


@handover_group.command("pack", short_help="Put what a job hands on into a folder.")
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@JOB
@FILE
@CONFIG
@MODE
@SET
@RUN
def pack_command(target: Path, job: str, file: str, **values: Any) -> int:
    """Put into FOLDER what a job hands on: its records and the files that later jobs read."""
    return _call("handover:pack", _options(values), job, target, file=file)


@handover_group.command("collect", short_help="Put a run together again from what jobs handed on.")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--for", "jobs", metavar="JOB", multiple=True, help="Check that all is there that this job needs.")
@FILE
@CONFIG
@MODE
@SET
@RUN
def collect_command(folder: Path, jobs: tuple[str, ...], file: str, **values: Any) -> int:
    """Put a run together again: the newest attempt of each job below FOLDER, every file checked."""
    return _call("handover:collect", _options(values), folder, jobs, file=file)


@handover_group.command("cancelled", short_help="After a cancel: end what is left, and note it.")
@JOB
@FILE
@_stage_options
def cancelled_command(job: str, file: str, **values: Any) -> int:
    """After a cancelled job: end what it left running, and let its record say `cancelled`."""
    return _call("handover:cancelled", _options(values), job, file=file)


@main_group.command("result", short_help="The last job of a pipeline: report, and count up the jobs.")
@FILE
@_stage_options
def result_command(file: str, **values: Any) -> int:
    """Report on the run, count up the jobs (MLOPS_CI_NEEDS), and hand every fact on as outputs."""
    return _call("result:result", _options(values), file)


@main_group.command("reports", short_help="Write a run in the formats that CI systems show.")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@CONFIG
@MODE
@SET
@RUN
def reports_command(folder: Path, **values: Any) -> int:
    """Write the run into FOLDER as JUnit, OpenMetrics, annotations, SBOM and page: what CI systems show."""
    return _call("reports:reports", _options(values), folder)


@main_group.command("retry", short_help="Run failed jobs again when machine or network was at fault (GitHub).")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--attempts", type=click.IntRange(1, 50), default=3, show_default=True, help="How many tries in all.")
def retry_command(folder: Path, attempts: int) -> int:
    """Look at what a finished pipeline handed on in FOLDER, and ask GitHub for another try where one is worth it."""
    return _call("retry:retry", folder, attempts)


@main_group.command("comment", short_help="Write what happened onto the pull request: one comment, kept up to date.")
@CONFIG
@MODE
@SET
@RUN
@JSON
def comment_command(**values: Any) -> int:
    """Write one comment onto the pull request or merge request, or update it. Its exit code is always 0.

    GitHub: GITHUB_TOKEN, and `pull-requests: write` for the job. GitLab: a project access token (scope `api`) in the
    variable that [notify] gitlab-token names. Nothing is written for code of a fork.
    """
    return _call("comment:comment", _options(values))


EVENTS = ("failure", "recovery", "promotion", "approval", "missed-run", "decay", "test")


@main_group.command("notify", short_help="Tell people something by the channels in [notify].")
@click.argument("kind", metavar="KIND", type=click.Choice(EVENTS))
@click.option("--title", metavar="TEXT", default="", help="One sentence (default: what KIND means).")
@click.option("--reason", metavar="TEXT", default="", help="Why.")
@click.option("--next-step", metavar="TEXT", default="", help="What to do.")
@click.option("--link", metavar="URL", default="", help="Where to look (default: this CI run).")
@click.option("--cause", metavar="TEXT", default="", help="What tells this trouble from another (default: the reason).")
@click.option("--fact", "facts", metavar="NAME=VALUE", multiple=True, help="A line of its own.")
@click.option("--of", "ends", type=click.Choice(EVENTS[:1] + EVENTS[4:6]), multiple=True, help="What `recovery` ends.")
@click.option("--dry-run", is_flag=True, help="Show what each channel would get.")
@CONFIG
@MODE
@SET
@RUN
@JSON
def notify_command(  # one parameter per option
    kind: str, facts: tuple[str, ...], ends: tuple[str, ...], dry_run: bool, **values: Any
) -> int:
    """Tell people something by the channels in [notify]; `test` tries every channel.

    The same trouble is not told again within [notify] repeat. Exit code 10: a channel could not be reached.
    """
    texts = {name: values.pop(name) for name in ("title", "reason", "next_step", "link", "cause")}
    return _call("notify:notify", _options(values), kind, texts=texts, facts=facts, ends=ends, dry_run=dry_run)


@main_group.group("nightly", short_help="Watch the scheduled retrain, and the champion between two of them.")
def nightly_group() -> None:
    """Watch the scheduled retrain (`mlops-ci run --mode nightly`), and the champion between two of them."""


@nightly_group.command("status", short_help="When the last nightly was due, when it ran, and how it ended.")
@click.option("--max-delay", metavar="TIME", help="How late a run may start (default: [nightly] start-within).")
@click.option("--prometheus", metavar="FILE", type=click.Path(path_type=Path), help="Write metrics to FILE too.")
@CONFIG
@MODE
@SET
@JSON
def status_command(max_delay: str | None, prometheus: Path | None, **values: Any) -> int:
    """Say when the last nightly was due, when it ran, and how it ended. Any machine that reaches the store can ask.

    Exit codes: 0 all is well, 1 missed, failed, running too long or never run, 4 the store could not be asked.
    """
    return _call("nightly:status", _options(values), max_delay, prometheus)


@nightly_group.command("ping", short_help="Tell a dead man's switch that a run starts or has ended.")
@click.argument("word", type=click.Choice(["start", "success", "fail"]))
@CONFIG
@MODE
@SET
def ping_command(word: str, **values: Any) -> int:
    """Tell the dead man's switch whose address the environment holds. It never fails: the exit code is always 0."""
    return _call("nightly:tell", _options(values), word)


@nightly_group.command("decay", short_help="Score the champion on today's data: is it still as good?")
@_stage_options
def decay_command(**values: Any) -> int:
    """Score the champion on today's data, and fail (exit 1) when it is worse than at its promotion.

    Nothing is trained, published or moved. The mode is `weekly` unless --mode names another.
    """
    return _call("nightly:decay", _options(values))


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
    from mlops_ci.commands.voice import hand_on_exit_code, new_console

    hand_on_exit_code(error.exit_code)
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
