"""Writes the generated pages of the reference and the JSON schema; `--check` says which are stale."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import mlops_ci
from mlops_ci import pipeline
from mlops_ci.cli import main_group
from mlops_ci.commands.exit_codes import TABLE
from mlops_ci.config.reference import page as configuration
from mlops_ci.errors import MlopsError

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- written by bin/generate_docs.py -->\n\n"


def exit_codes() -> str:
    """The table of exit codes."""
    rows = "".join(f"| {code} | {meaning} | {retry} |\n" for code, meaning, retry in TABLE)
    head = "| code | meaning | who retries |\n| --- | --- | --- |\n"
    return f"# Exit codes\n\nOne table for every provider.\n\n{head}{rows}"


def stages() -> str:
    """The graph."""
    rows = "".join(
        f"| {one.name} | {one.summary} | {', '.join(one.needs) or '–'} | {one.runner} | "
        f"{', '.join(str(code) for code in one.retry)} |\n"
        for one in pipeline.STAGES
    )
    head = "| stage | does | needs | runner | retried exit codes |\n| --- | --- | --- | --- | --- |\n"
    return f"# Stages\n\n{head}{rows}"


def cli() -> str:
    """The help of every command, as the program prints it."""
    context = click.Context(main_group, info_name="mlops-ci", max_content_width=100, terminal_width=100)
    parts = ["# Command line\n", f"```text\n{main_group.get_help(context)}\n```\n"]
    for name in main_group.list_commands(context):
        command = main_group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context, max_content_width=100, terminal_width=100)
        parts.append(f"## {name}\n\n```text\n{command.get_help(inner)}\n```\n")
    return "\n".join(parts)


def errors() -> str:
    """Every class of error that a user can meet."""
    for module in pkgutil.walk_packages(mlops_ci.__path__, "mlops_ci."):
        if not module.name.startswith("mlops_ci.guest") and module.name != "mlops_ci.__main__":
            importlib.import_module(module.name)
    rows = sorted(
        (one.exit_code, one("").failure_class if _plain(one) else _name(one), (one.__doc__ or "").splitlines()[0])
        for one in _classes(MlopsError)
        if one.__module__ != "mlops_ci.errors"
    )
    table = "".join(f"| `{name}` | {code} | {what} |\n" for code, name, what in rows)
    return (
        "# Errors\n\nThe classes that records carry, beside those of failed jobs in your image.\n\n"
        f"| class | exit code | what |\n| --- | --- | --- |\n{table}"
    )


def _plain(one: type[MlopsError]) -> bool:
    return one.__init__ is MlopsError.__init__ and one.failure_class is MlopsError.failure_class


def _name(one: type[MlopsError]) -> str:
    return type(one.__name__, (MlopsError,), {})("").failure_class


def _classes(base: type[MlopsError]) -> Iterator[type[MlopsError]]:
    for one in base.__subclasses__():
        yield one
        yield from _classes(one)


PAGES = {
    REFERENCE / "exit-codes.md": exit_codes,
    REFERENCE / "stages.md": stages,
    REFERENCE / "cli.md": cli,
    REFERENCE / "errors.md": errors,
    REFERENCE / "configuration.md": configuration,
}


def main() -> int:
    """Write the pages, or with `--check` exit 1 when one is stale."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for path, render in PAGES.items():
        text = NOTE + render().rstrip() + "\n"
        if not path.exists() or path.read_text() != text:
            stale.append(path)
            if not check:
                path.write_text(text)
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'stale: run python bin/generate_docs.py' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
