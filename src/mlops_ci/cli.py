"""The command line. Commands are import strings: `--help` imports click and nothing heavy."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import click

from mlops_ci import cli_ci, cli_health, cli_images, cli_models, cli_sites, pipeline
from mlops_ci.bugs import bug_report
from mlops_ci.cli_options import CONFIG, ENGINE, JSON, VERBOSE, Ordered, call, options, stage_options
from mlops_ci.errors import InterruptedRunError, MlopsError
from mlops_ci.version import version

# Objects until the garbage collector looks for cycles.
COLLECTED_AFTER = 50_000
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(version())
        ctx.exit()


@click.group(cls=Ordered, context_settings=CONTEXT, epilog="Docs: README.md. Exit codes: `mlops-ci exit-codes`.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
def main_group() -> None:
    """One pipeline for teams that train PyTorch models on their own GPU runners.

    plan → build → check → scan → prepare → verify → train → evaluate → publish → promote → deploy → report
    """


@main_group.command("run", short_help="Run the whole pipeline, or the named stages and what they need.")
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option("--as-planned", is_flag=True, help="Only note those stages that plan has left out.")
@stage_options
def run_command(stages: tuple[str, ...], as_planned: bool, **values: Any) -> int:
    """Run the whole pipeline, or the named stages and what they need."""
    return call("run:run", options(values), stages, as_planned=as_planned)


def _sentence(stage: pipeline.Stage) -> str:
    return f"Stage: {stage.summary}{'' if stage.summary.endswith('?') else '.'}"


def _train_command(summary: str) -> click.Command:
    @click.command(
        "train", short_help=summary, help=f"{summary}\n\nWith --smoke: loss, gradients and resume of a few steps."
    )
    @click.option("--smoke", is_flag=True, help="Only a few steps of it, to see whether it can work.")
    @stage_options
    def command(smoke: bool, **values: Any) -> int:
        return call("run:smoke", options(values)) if smoke else call("run:run", options(values), ("train",))

    return command


def _add_stage(stage: pipeline.Stage) -> None:
    @main_group.command(stage.name, short_help=_sentence(stage), help=_sentence(stage))
    @stage_options
    def command(**values: Any) -> int:
        return call("run:run", options(values), (stage.name,))


for _stage in pipeline.STAGES:
    if _stage.name == "verify":
        main_group.add_command(cli_health.verify_command(_sentence(_stage)))
    elif _stage.name == "train":
        main_group.add_command(_train_command(_sentence(_stage)))
    else:
        _add_stage(_stage)


BUNDLE = click.option(
    "--bundle", metavar="ORG/REPO[@REF]", help="Where the CI system finds this tool (default: where it came from)."
)


@main_group.command("init", short_help="Write a commented mlops.toml for this repository, and its CI files.")
@click.option("--command", metavar="COMMAND", help="The training command (default: guessed from the repository).")
@click.option("--force", is_flag=True, help="Write over an existing mlops.toml.")
@click.option("--provider", type=click.Choice(["github", "gitlab", "both"]), help="Write the CI system's files too.")
@click.option("--from-notebook", "notebook", metavar="FILE", help="Export this notebook as the script that trains.")
@BUNDLE
def init_command(
    command: str | None, force: bool, provider: str | None, notebook: str | None, bundle: str | None
) -> int:
    """Write a commented mlops.toml for this repository.

    With --provider also what GitHub Actions or GitLab CI need to run it. A file of theirs that exists stays.
    """
    source = Path(notebook) if notebook else None
    return call("init:init", command, force=force, provider=provider, bundle=bundle, notebook=source)


@main_group.command("runs", short_help="List the runs of this directory.")
@CONFIG
@JSON
def runs_command(**values: Any) -> int:
    """List the runs of this directory, newest first."""
    return call("runs:runs", options(values))


@main_group.command("show", short_help="Show what happened in a run.")
@click.argument("run_id", metavar="[RUN]", default="latest")
@CONFIG
@JSON
def show_command(run_id: str, **values: Any) -> int:
    """Show what happened in a run (the latest by default)."""
    return call("show:show", options(values), run_id)


class BeforeDashes(click.Command):
    """A command whose arguments after `--` belong to another program, whatever stands before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take off what follows the first `--` before anything is parsed."""
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta["after"] = tuple(args[cut + 1 :])
        return super().parse_args(ctx, args[:cut])


@main_group.command("shell", cls=BeforeDashes, short_help="A shell where a stage's command runs.")
@click.argument("stage", metavar="[STAGE] [-- COMMAND...]", default="train")
@stage_options
@click.pass_context
def shell_command(ctx: click.Context, /, stage: str, **values: Any) -> int:
    """A shell in the image, mounts, limits and environment of a stage's job (train by default) of the newest run.

    After `--`: one command in place of the shell, without a terminal. The exit code is that of the shell or command.
    """
    return call("shell:shell", options(values), stage, ctx.meta["after"])


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
    return call("reproduce:reproduce", options(values), run_id, tolerances)


@main_group.command("approve", short_help="Approve a promotion that waits for a human.")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--deploy/--no-deploy", default=True, show_default=True, help="Deploy it here too, where [deploy] is set."
)
@stage_options
def approve_command(run_id: str, *, deploy: bool, **values: Any) -> int:
    """Approve a promotion that waits for a human."""
    return call("approve:approve", options(values), run_id, deploy=deploy)


@main_group.command("clean", short_help="Say what .mlops holds, and free it.")
@click.argument("parts", nargs=-1, metavar="[PART]...")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="With `runs`: keep the newest N.")
@CONFIG
@JSON
def clean_command(parts: tuple[str, ...], keep: int | None, **values: Any) -> int:
    """Say what .mlops holds; with PARTs, free them."""
    return call("clean:clean", options(values), parts, keep)


for _command in (
    *cli_models.COMMANDS,
    cli_health.health_check_command,
    *cli_images.COMMANDS,
    *cli_ci.COMMANDS,
    *cli_sites.COMMANDS,
):
    main_group.add_command(_command)


@main_group.command("doctor", short_help="Say what this machine, or the repository's CI files, have and lack.")
@click.option(
    "--provider", type=click.Choice(["github", "gitlab", "both"]), help="Check the files of this CI system instead."
)
@BUNDLE
@JSON
def doctor_command(provider: str | None, bundle: str | None, **values: Any) -> int:
    """Say what this machine has and lacks, with a fix for each lack.

    With --provider: what is wrong with the workflows or the .gitlab-ci.yml that call this tool, file and line, and the
    policies of the role at AWS when a store on S3 is configured. Exit code 2 when something is to be corrected.
    """
    if provider is not None:
        return call("doctor_provider:check", provider, bundle, as_json=values["json"])
    return call("doctor:doctor", as_json=values["json"])


@main_group.command("exit-codes", short_help="The table of exit codes.")
def exit_codes_command() -> int:
    """Print the table of exit codes."""
    return call("exit_codes:exit_codes")


def main(arguments: list[str] | None = None) -> None:
    """The entry point: runs a command and exits with its code; errors are told in their own words."""
    # A command mostly loads modules, which is no garbage: looked through after every 700 objects, it costs a fifth.
    gc.set_threshold(COLLECTED_AFTER)
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
