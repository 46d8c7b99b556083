"""Commands of CI systems: the files rendered for them, one run over several jobs, what they show and whom they tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlops_ci.cli_options import JSON, RUN, SETTINGS, Ordered, call, options, stage_options


@click.group("handover", cls=Ordered, short_help="Hand a run on from one CI job to the next.")
def handover_group() -> None:
    """Hand a run on from one CI job to the next.

    By a folder that the CI system carries (pack, collect), or by the object store (push, pull).
    """


@click.group("render", cls=Ordered, short_help="Write the graph down for a CI system.")
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
@click.option(
    "--profile",
    metavar="NAME",
    default="default",
    show_default=True,
    help="default, object-store, keyless, no-registry, enterprise, FILE.toml.",
)
@OUTPUT
@CHECK
def render_github_command(profile: str, output: Path, check: bool) -> int:
    """Write .github/workflows/{train,build,scan,verify,publish,nightly}.yml and .github/actions/setup/action.yml."""
    return call("render:github", profile, output, check=check)


@render_group.command("gitlab", short_help="The files to include, and CI/CD components.")
@click.option(
    "--profile",
    metavar="NAME",
    default="default",
    show_default=True,
    help="default, object-store, keyless, no-registry, self-managed, kubernetes, FILE.toml.",
)
@OUTPUT
@CHECK
def render_gitlab_command(profile: str, output: Path, check: bool) -> int:
    """Write ci/gitlab/{train,build,scan,verify,publish,nightly}.yml, and the same as components in templates/."""
    return call("render:gitlab", profile, output, check=check)


JOB = click.option("--job", metavar="NAME", required=True, help="The job: plan, build, scan, prepare, train ...")
FILE = click.option("--file", metavar="NAME", default="train", show_default=True, help="The called file of the job.")


@handover_group.command("pack", short_help="Put what a job hands on into a folder.")
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@JOB
@FILE
@click.option("--whole", is_flag=True, help="What all jobs handed on, but for checkpoints, outputs and models.")
@SETTINGS
@RUN
def pack_command(target: Path, job: str, file: str, whole: bool, **values: Any) -> int:
    """Put into FOLDER what a job hands on: its records and the files that later jobs read."""
    return call("handover:pack", options(values), job, target, file=file, whole=whole)


@handover_group.command("collect", short_help="Put a run together again from what jobs handed on.")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--for", "jobs", metavar="JOB", multiple=True, help="Check that all is there that this job needs.")
@FILE
@SETTINGS
@RUN
def collect_command(folder: Path, jobs: tuple[str, ...], file: str, **values: Any) -> int:
    """Put a run together again: the newest attempt of each job below FOLDER, every file checked."""
    return call("handover:collect", options(values), folder, jobs, file=file)


@handover_group.command("push", short_help="Put what a job hands on into the object store.")
@JOB
@FILE
@SETTINGS
@RUN
def push_command(job: str, file: str, **values: Any) -> int:
    """Put what a job hands on into `[publish] store`, below handover/: what is there already is not sent again.

    Exit codes: 10 the store cannot be reached, 3 it refuses us, 2 none is configured.
    """
    return call("handover_store:push", options(values), job, file=file)


@handover_group.command("pull", short_help="Put a run together again from the object store.")
@click.option("--for", "jobs", metavar="JOB", multiple=True, help="Check that all is there that this job needs.")
@click.option("--light", is_flag=True, help="Leave checkpoints, outputs and models in the store.")
@FILE
@SETTINGS
@RUN
def pull_command(jobs: tuple[str, ...], light: bool, file: str, **values: Any) -> int:
    """Put a run together again from `[publish] store`: the newest attempt of each job, every file checked.

    What is here already is not fetched, and models only for jobs that read them. Exit codes: 4 something was changed
    in the store, 10 it cannot be reached, 3 it refuses us, 2 something is missing.
    """
    return call("handover_store:pull", options(values), jobs, file=file, light=light)


@handover_group.command("cancelled", short_help="After a cancel: end what is left, and note it.")
@JOB
@FILE
@stage_options
def cancelled_command(job: str, file: str, **values: Any) -> int:
    """After a cancelled job: end what it left running, and let its record say `cancelled`."""
    return call("handover:cancelled", options(values), job, file=file)


@click.command("result", short_help="The last job of a pipeline: report, and count up the jobs.")
@FILE
@stage_options
def result_command(file: str, **values: Any) -> int:
    """Report on the run, count up the jobs (MLOPS_CI_NEEDS), and hand every fact on as outputs."""
    return call("result:result", options(values), file)


@click.command("reports", short_help="Write a run in the formats that CI systems show.")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@SETTINGS
@RUN
def reports_command(folder: Path, **values: Any) -> int:
    """Write the run into FOLDER as what CI systems show: JUnit, OpenMetrics, code quality, annotations, SBOM, page."""
    return call("reports:reports", options(values), folder)


@click.command("retry", short_help="Run failed jobs again when machine or network was at fault (GitHub).")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--attempts", type=click.IntRange(1, 50), default=3, show_default=True, help="How many tries in all.")
def retry_command(folder: Path, attempts: int) -> int:
    """Look at what a finished pipeline handed on in FOLDER, and ask GitHub for another try where one is worth it."""
    return call("retry:retry", folder, attempts)


@click.command("comment", short_help="Write what happened onto the pull request: one comment, kept up to date.")
@SETTINGS
@RUN
@JSON
@click.option("--optional", is_flag=True, help="Without a token say so, and do not warn.")
def comment_command(optional: bool, **values: Any) -> int:
    """Write one comment onto the pull request or merge request, or update it. Its exit code is always 0.

    GitHub: GITHUB_TOKEN, and `pull-requests: write` for the job. GitLab: a project access token (scope `api`) in the
    variable that [notify] gitlab-token names. Nothing is written for code of a fork.
    """
    return call("comment:comment", options(values), optional=optional)


EVENTS = ("failure", "recovery", "promotion", "approval", "missed-run", "decay", "test")


@click.command("notify", short_help="Tell people something by the channels in [notify].")
@click.argument("kind", metavar="KIND", type=click.Choice(EVENTS))
@click.option("--title", metavar="TEXT", default="", help="One sentence (default: what KIND means).")
@click.option("--reason", metavar="TEXT", default="", help="Why.")
@click.option("--next-step", metavar="TEXT", default="", help="What to do.")
@click.option("--link", metavar="URL", default="", help="Where to look (default: this CI run).")
@click.option("--cause", metavar="TEXT", default="", help="What tells this trouble from another (default: the reason).")
@click.option("--fact", "facts", metavar="NAME=VALUE", multiple=True, help="A line of its own.")
@click.option("--of", "ends", type=click.Choice(EVENTS[:1] + EVENTS[4:6]), multiple=True, help="What `recovery` ends.")
@click.option("--dry-run", is_flag=True, help="Show what each channel would get.")
@SETTINGS
@RUN
@JSON
def notify_command(  # one parameter per option
    kind: str, facts: tuple[str, ...], ends: tuple[str, ...], dry_run: bool, **values: Any
) -> int:
    """Tell people something by the channels in [notify]; `test` tries every channel.

    The same trouble is not told again within [notify] repeat. Exit code 10: a channel could not be reached.
    """
    texts = {name: values.pop(name) for name in ("title", "reason", "next_step", "link", "cause")}
    return call("notify:notify", options(values), kind, texts=texts, facts=facts, ends=ends, dry_run=dry_run)


@click.group("database", cls=Ordered, short_help="Hand the vulnerability database from a job to the one that scans.")
def database_group() -> None:
    """Hand the vulnerability database from a job that may log in to the job that scans, which has no secret."""


DATABASE_FOLDER = click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))


@database_group.command("fetch", short_help="Put the database into a folder.")
@DATABASE_FOLDER
@SETTINGS
def fetch_database_command(folder: Path, **values: Any) -> int:
    """Fetch the database from `[mirrors] trivy-db`, else from Trivy's own addresses, and put it into FOLDER.

    MLOPS_CI_DATABASE_USERNAME and MLOPS_CI_DATABASE_PASSWORD are the login, where the registry asks for one.
    """
    return call("database:fetch", options(values), folder)


@database_group.command("take", short_help="Lay a fetched database where the scan finds it.")
@DATABASE_FOLDER
@SETTINGS
def take_database_command(folder: Path, **values: Any) -> int:
    """Lay the newest database below FOLDER where the scan finds it, every file checked; no network is asked."""
    return call("database:take", options(values), folder)


COMMANDS: tuple[click.Command, ...] = (
    handover_group,
    database_group,
    render_group,
    result_command,
    reports_command,
    retry_command,
    comment_command,
    notify_command,
)
