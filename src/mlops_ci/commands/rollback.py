"""`mlops-ci rollback`: the champion before is the champion again."""

from __future__ import annotations

import getpass
import json

import click

from mlops_ci.commands.options import Options
from mlops_ci.commands.premises import open_premises
from mlops_ci.commands.voice import new_provider
from mlops_ci.errors import UsageError
from mlops_ci.progress import activity
from mlops_ci.records.codec import to_json
from mlops_ci.stages.artifact_names import parse
from mlops_ci.stages.premises import Premises
from mlops_ci.stages.rollback import Rollback, check, find, move, require
from mlops_ci.stores.narration import shown

SCHEMA = "mlops-ci/rollback/1"


class BadVersionError(UsageError):
    """A version is a number."""


def rollback(options: Options, model: str | None, *, to: str | None, expected: str | None, dry_run: bool) -> int:
    """Verify the version's files, then move the alias, under the lock and only if it is where it was."""
    for word, version in (("--to", to), ("--expected", expected)):
        if version is not None and not version.isdecimal():
            raise BadVersionError(
                f"{word} {version}: a version is a number", hint="`mlops-ci artifacts list` shows them"
            )
    with open_premises(options, governed=True) as premises:
        name = premises.settings.model if model is None else str(parse(f"{model}@1").model)
        plan = find(premises, name, to=to)
        require(plan, expected)
        moved = False
        if not plan.done:
            _verify(premises, plan)
            moved = not dry_run and move(premises, plan, by=getpass.getuser())
    _say(options, plan, moved=moved, dry_run=dry_run)
    provider = new_provider()
    found = {"champion": plan.to if moved or plan.done else plan.from_, "moved": str(moved).lower(), "exit-code": "0"}
    for output, value in found.items():
        provider.set_output(output, value)
    return 0


def _verify(premises: Premises, plan: Rollback) -> None:
    with activity(premises.console, f"verifying version {plan.to}") as verifying:
        check(premises, plan, on_progress=shown(verifying))
    premises.console.say(f"version {plan.to} of {plan.model} is what was published: every file verified")


def _say(options: Options, plan: Rollback, *, moved: bool, dry_run: bool) -> None:
    if options.json:
        click.echo(json.dumps({"schema": SCHEMA, **to_json(plan), "moved": moved, "dry_run": dry_run}, indent=2))
        return
    if plan.done:
        click.echo(f"{plan.model}: version {plan.to} is the champion already; nothing was moved")
        if plan.restored_from is not None:
            click.echo(
                f"it was restored from version {plan.restored_from}; to go forward again: "
                f"mlops-ci rollback {plan.model} --to {plan.restored_from}"
            )
        return
    done = "restored: the champion is" if moved else "would be restored:" if dry_run else "is the champion already:"
    click.echo(f"{plan.model}: {done} version {plan.to} (run {plan.run or 'unknown'}); it was version {plan.from_}")
    if plan.image is not None:
        click.echo(f"the image that serves it: {plan.image} (the tag `current` stays where it is: roll this one out)")
    if moved:
        click.echo(f"to undo this: mlops-ci rollback {plan.model} --to {plan.from_}")
