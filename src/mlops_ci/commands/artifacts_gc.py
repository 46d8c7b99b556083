"""`mlops-ci artifacts gc`: says what nothing needs any more, and deletes it where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Collection

import click

from mlops_ci.commands.options import Options
from mlops_ci.commands.premises import open_premises
from mlops_ci.errors import UsageError
from mlops_ci.progress import activity
from mlops_ci.publishing.constants import constants
from mlops_ci.publishing.garbage import Collected, Garbage, collect, garbage
from mlops_ci.publishing.reach import Library
from mlops_ci.reporting.format import counted, size
from mlops_ci.settings.units import Duration
from mlops_ci.stages import old_checkpoints
from mlops_ci.stages.artifacts import pinned
from mlops_ci.stages.old_checkpoints import OldCheckpoints
from mlops_ci.stages.premises import Premises
from mlops_ci.stores.narration import shown

SCHEMA = "mlops-ci/garbage/1"
SHOWN = 20


class TooYoungError(UsageError):
    """The age from which on something may be deleted is too low, or no time at all."""


def gc(options: Options, *, delete: bool, older_than: str | None, keep: int | None) -> int:
    """Look; with `delete` also delete, and say what is left to do."""
    age = _age(older_than)
    with open_premises(options, governed=delete) as premises:
        library = Library(premises.store)
        found = garbage(library, older_than=age, keep=keep, pinned=_pins(premises, library, keep))
        done = _delete(premises, library, found, keep) if delete and found.count else None
        left = old_checkpoints.find(premises.settings, older_than=max(age, constants().checkpoints))
        if left is not None and delete:
            left.delete()
        place = premises.store.uri
    if options.json:
        runs = [] if left is None else list(left.runs)
        click.echo(json.dumps({**_document(found, done, age), "checkpoints": runs}, indent=2))
    else:
        _say(found, done, place, age)
        _say_checkpoints(left, deleted=delete)
    return 0


def _age(text: str | None) -> float:
    numbers = constants()
    if text is None:
        return numbers.older_than
    least = Duration(numbers.youngest).written
    try:
        age = float(Duration.parse(text))
    except ValueError as error:
        raise TooYoungError(f"--older-than {text}: {error}", hint="for example --older-than 12h") from error
    if age < numbers.youngest:
        raise TooYoungError(
            f"--older-than {text}: nothing younger than {least} may be deleted",
            hint="a publish puts its objects there before the manifest that names them",
        )
    return age


def _pins(premises: Premises, library: Library, keep: int | None) -> Collection[str]:
    """Asked for only where manifests may go: without --keep everything that an alias points at is named by one."""
    return pinned(premises, library) if keep is not None else frozenset()


def _delete(premises: Premises, library: Library, found: Garbage, keep: int | None) -> Collected:
    with premises.promotions(), activity(premises.console, "deleting") as deleting:
        return collect(library, found, pinned=lambda: _pins(premises, library, keep), on_progress=shown(deleting))


def _say_checkpoints(left: OldCheckpoints | None, *, deleted: bool) -> None:
    if left is None or not left.runs:
        return
    done = "deleted" if deleted else "may go"
    click.echo(f"{left.store.uri}: checkpoints of {counted(len(left.runs), 'run')} that nobody goes on with: {done}")
    for run in list(left.runs)[:SHOWN]:
        click.echo(f"  {run}")
    click.echo(f"  {size(left.bytes)} in all")


def _document(found: Garbage, done: Collected | None, age: float) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "older_than_seconds": age,
        "manifests": [info.key for info in found.manifests],
        "objects": [info.key for info in found.objects],
        "notices": [info.key for info in found.notices],
        "unfinished_uploads": [one.key for one in found.uploads],
        "bytes": found.bytes,
        "kept": found.kept,
        "young": found.young,
        "deleted": None if done is None else {"count": done.deleted, "bytes": done.bytes, "uploads": done.uploads},
        "spared": 0 if done is None else done.spared,
    }


def _say(found: Garbage, done: Collected | None, place: str, age: float) -> None:
    click.echo(f"{place}: {counted(found.kept, 'object')} needed by manifests or by a publish that runs")
    if found.young:
        click.echo(f"{counted(found.young, 'object')} not needed and younger than {Duration(age).written}: kept")
    for what, names in (
        ("old manifest", [info.key for info in found.manifests]),
        ("object that no manifest names", [info.key for info in found.objects]),
        ("notice of a killed publish", [info.key for info in found.notices]),
        ("unfinished upload", [one.key for one in found.uploads]),
    ):
        for name in names[:SHOWN]:
            click.echo(f"  {what}: {name}")
        if len(names) > SHOWN:
            click.echo(f"  and {len(names) - SHOWN} more of these")
    if not found.count:
        click.echo("nothing to delete")
    elif done is not None:
        spared = f"; {done.spared} spared, since they are needed now" if done.spared else ""
        click.echo(f"deleted {done.deleted} objects, {size(done.bytes)}, and {done.uploads} unfinished uploads{spared}")
    else:
        click.echo(f"{found.count} may go, {size(found.bytes)}: nothing was deleted, --delete does it")
