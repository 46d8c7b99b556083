"""Commands on published models: what there is, put side by side, fetched, verified, rolled back, cleaned up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlops_ci.cli_options import JSON, SETTINGS, Ordered, call, options


@click.command("rollback", short_help="Make the previous champion the champion again.")
@click.argument("model", metavar="[MODEL]", required=False, envvar="MLOPS_CI_ROLLBACK_MODEL")
@click.option(
    "--to", metavar="VERSION", envvar="MLOPS_CI_ROLLBACK_TO", help="This version instead of the previous champion."
)
@click.option(
    "--expected",
    metavar="VERSION",
    envvar="MLOPS_CI_ROLLBACK_EXPECTED",
    help="The version that must be the champion now, else nothing is moved.",
)
@click.option(
    "--dry-run", is_flag=True, envvar="MLOPS_CI_DRY_RUN", help="Verify, say what would be done, and move nothing."
)
@SETTINGS
@JSON
def rollback_command(model: str | None, to: str | None, expected: str | None, dry_run: bool, **values: Any) -> int:
    """Make the previous champion of MODEL (default: that of the configuration) the champion again.

    Its files are verified first. The alias moves only if nobody else has moved it. Run again it moves nothing more.
    Exit codes: 0 done, or done before; 2 there is none; 4 its files are gone or were changed, or the alias was moved
    meanwhile; 10 registry or store cannot be reached.
    """
    return call("rollback:rollback", options(values), model, to=to, expected=expected, dry_run=dry_run)


@click.group("artifacts", cls=Ordered, short_help="List, fetch, verify and clean up what was published.")
def artifacts_group() -> None:
    """What was published: the bundles in the object store, beside the versions and aliases of the registry."""


@artifacts_group.command("list", short_help="One line for each published bundle.")
@click.argument("model", metavar="[MODEL]", required=False)
@SETTINGS
@JSON
def list_command(model: str | None, **values: Any) -> int:
    """List what was published, the newest first: model, version, aliases, run, verdict, size, date."""
    return call("artifacts:list_artifacts", options(values), model)


@artifacts_group.command("get", short_help="Fetch a bundle into a new folder, every file checked.")
@click.argument("name", metavar="RUN|MODEL@VERSION|MODEL@ALIAS")
@click.option(
    "--to",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The new folder (default: MODEL-VERSION here).",
)
@click.option("--only", "below", metavar="PREFIX", default="", help="Only files whose names begin so: model/")
@SETTINGS
@JSON
def get_command(name: str, folder: Path | None, below: str, **values: Any) -> int:
    """Fetch a bundle into a new folder, which appears when every file is there and right. Prints the folder.

    Exit codes: 2 there is no such bundle, or the folder holds something else; 4 a file is damaged; 10 the store cannot
    be reached.
    """
    return call("artifacts:get", options(values), name, folder, below=below)


@artifacts_group.command("verify", short_help="Download and hash everything, or one bundle.")
@click.argument("name", metavar="[RUN|MODEL@VERSION|MODEL@ALIAS]", required=False)
@SETTINGS
@JSON
def verify_command(name: str | None, **values: Any) -> int:
    """Download and hash every object of one bundle, or of all: is it still what was published?

    Exit codes: 0 it is, 1 something is damaged or gone, 2 there is no such bundle, 10 the store cannot be reached.
    """
    return call("artifacts:verify", options(values), name)


@artifacts_group.command("gc", short_help="Say what nothing needs any more; --delete deletes it.")
@click.option("--delete", is_flag=True, help="Delete it. Without this nothing is deleted.")
@click.option("--older-than", metavar="TIME", help="Keep what is younger (default: 1d; at least 1h).")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Let old bundles go too: keep the newest N of each model, and all that aliases point at.",
)
@SETTINGS
@JSON
def gc_command(delete: bool, older_than: str | None, keep: int | None, **values: Any) -> int:
    """Say which objects no published bundle names, and what killed publishers left; delete them with --delete.

    A publish that runs is never harmed. Killed, the same command goes on; two at once do no harm. Exit codes: 0, 4 a
    bundle's manifest cannot be read (then nothing is deleted), 10 store or registry cannot be reached.
    """
    return call("artifacts_gc:gc", options(values), delete=delete, older_than=older_than, keep=keep)


@click.command("compare", short_help="Put runs and published models side by side on one page.")
@click.argument("names", metavar="RUN|MODEL@VERSION|MODEL@ALIAS...", nargs=-1, required=True)
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Where it goes.")
@click.option(
    "--format", "form", type=click.Choice(["html", "markdown", "json"]), default="html", show_default=True,
    help="html: one page, with curves.",
)  # fmt: skip
@SETTINGS
def compare_command(names: tuple[str, ...], output: Path | None, form: str, **values: Any) -> int:
    """Put any number of runs and published models side by side; the first is what the others are held against.

    Curves, metrics with their differences (and intervals, where predictions were kept), slices, seconds, sizes, and
    which parameters and inputs differ. HTML goes to comparison.html by default, the other forms to standard output.
    """
    return call("compare:compare", options(values), names, output=output, form=form)


COMMANDS: tuple[click.Command, ...] = (rollback_command, artifacts_group, compare_command)
