"""`mlops-ci compare`: runs and published models side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mlops_ci.commands.options import Options
from mlops_ci.commands.premises import open_premises
from mlops_ci.errors import MissingError
from mlops_ci.files import write_atomic
from mlops_ci.reporting.side_by_side_html import as_html
from mlops_ci.reporting.side_by_side_text import as_json, as_markdown
from mlops_ci.stages.artifact_names import parse
from mlops_ci.stages.comparison import compare as held_together
from mlops_ci.stages.side import known

FORMS = {"html": as_html, "markdown": as_markdown, "json": as_json}
PAGE = Path("comparison.html")


class PageNotWritableError(MissingError):
    """The comparison cannot be written where it was to go."""


def compare(options: Options, names: Sequence[str], *, output: Path | None, form: str) -> int:
    """Write the comparison; the path of a file goes to standard output."""
    addresses = [parse(name) for name in dict.fromkeys(names)]
    with open_premises(options) as premises:
        found = held_together([known(premises, address) for address in addresses])
        text = premises.console.redactor.clean(FORMS[form](found))
    target = PAGE if output is None and form == "html" else output
    if target is None:
        click.echo(text, nl=False)
        return 0
    try:
        write_atomic(target, text)
    except OSError as error:
        raise PageNotWritableError(
            f"{target} cannot be written: {error.strerror}", hint="name another file: --output"
        ) from error
    click.echo(target)
    return 0
