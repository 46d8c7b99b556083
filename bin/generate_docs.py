"""Writes the generated pages of the reference and the JSON schemas; `--check` says which are stale."""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import click
import failure_page
import fault_page

import mlops_ci
from mlops_ci import errors as base_errors
from mlops_ci import pipeline
from mlops_ci.cli import main_group
from mlops_ci.commands.doctor_provider import lines
from mlops_ci.commands.exit_codes import TABLE
from mlops_ci.config import schema
from mlops_ci.config.declared import Field, bare, choices, is_free_table, item_of, tables
from mlops_ci.config.toml_text import written
from mlops_ci.guest.health.active.limits import ROWS as ACTIVE_LIMITS
from mlops_ci.guest.health.tables import table as health_table
from mlops_ci.orchestrators.callers import github_starter, gitlab_starter
from mlops_ci.orchestrators.callers.bundle import Bundle, release
from mlops_ci.orchestrators.callers.origin import Origin
from mlops_ci.orchestrators.callers.review import Review, review_github, review_gitlab
from mlops_ci.orchestrators.github.page import page as github_page
from mlops_ci.orchestrators.github.profile import load_profile as github_profile
from mlops_ci.orchestrators.gitlab.page import page as gitlab_page
from mlops_ci.orchestrators.gitlab.profile import load_profile as gitlab_profile
from mlops_ci.records import schema as record_schema
from mlops_ci.settings.marks import Range
from mlops_ci.settings.units import Duration, Size

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
SCHEMA = ROOT / "src" / "mlops_ci" / "resources" / "mlops.schema.json"
RECORD_SCHEMA = SCHEMA.with_name("record.schema.json")
GITLAB = ROOT / "docs" / "ci" / "gitlab.md"
GITLAB_EXAMPLE = ROOT / "examples" / "gitlab" / ".gitlab-ci.yml"
GITHUB = ROOT / "docs" / "ci" / "github.md"
GITHUB_EXAMPLE = ROOT / "examples" / "github" / "train.yml"
NOTE = "<!-- written by bin/generate_docs.py -->\n\n"
WIDTH = 100

CONFIGURATION = """\
Settings stand in `mlops.toml`, or in `[tool.mlops-ci]` of `pyproject.toml`. Only `[train] command` is required. Each
value comes from one of these places, a later one replacing an earlier one:

1. the default;
2. the file;
3. with `--mode NAME`, the file's overlay `[mode.NAME.TABLE]`;
4. the environment: `MLOPS_CI_TABLE__KEY`, dashes written as underscores (`MLOPS_CI_TRAIN__START_FROM=champion`,
   `MLOPS_CI_TRAIN__PARAMS__EPOCHS=5`); an empty variable counts as not set;
5. the command line: `--set table.key=value` (`--set train.params.epochs=5`).

`mlops-ci plan` prints what is in force and where each value came from. A *duration* is a number of seconds, or a text
such as `"30s"`, `"15m"`, `"2h"` or `"1d"`. A *size* is a number of bytes, or a text such as `"512m"` or `"8g"` (binary
units). Paths are relative to the file's folder.
"""

# Base classes that are also raised as such.
RAISED_AS_SUCH = (
    base_errors.UsageError,
    base_errors.MissingError,
    base_errors.InternalError,
    base_errors.InterruptedRunError,
    base_errors.TerminatedRunError,
)


def exit_codes() -> str:
    """The table of exit codes."""
    rows = [(code, meaning, retry or "–") for code, meaning, retry in TABLE]
    return (
        "# Exit codes\n\nOne table for every command and every CI system. No number is ever used for anything else.\n\n"
        f"{_table(('code', 'meaning', 'who retries'), rows)}"
    )


def stages() -> str:
    """The graph."""
    rows = [
        (
            f"`{one.name}`",
            one.summary,
            ", ".join(one.needs) or "–",
            one.session,
            one.runner,
            ", ".join(map(str, one.retry)),
        )
        for one in pipeline.STAGES
    ]
    always = ", ".join(f"`{one.name}`" for one in pipeline.STAGES if one.always)
    return (
        "# Stages\n\nA stage starts when all that it needs has passed or was skipped; asking for a stage runs what it\n"
        f"needs first. The stage {always} also runs when another has failed. *Runner* is the class of machine\n"
        "(`[runners]`), *retried* the exit codes after which a CI system may try the job again.\n\n"
        f"{_table(('stage', 'does', 'needs', 'nox session', 'runner', 'retried'), rows)}"
    )


def cli() -> str:
    """The help of every command, as the program prints it at a fixed width."""
    context = _context(main_group, "mlops-ci", None)
    parts = ["# Command line\n", f"```text\n{main_group.get_help(context)}\n```\n"]
    for name in main_group.list_commands(context):
        parts += _helps(main_group.commands[name], name, name, context)
    return "\n".join(parts)


def _helps(command: click.Command, name: str, full: str, above: click.Context) -> list[str]:
    """The help of a command, and of those of its group."""
    context = _context(command, name, above)
    parts = [f"## {full}\n\n```text\n{command.get_help(context)}\n```\n"]
    for inner in command.commands if isinstance(command, click.Group) else ():
        parts += _helps(command.commands[inner], inner, f"{full} {inner}", context)
    return parts


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(command, info_name=name, parent=parent, **settings)


def errors() -> str:
    """Every class of error that a user can meet."""
    for module in pkgutil.walk_packages(mlops_ci.__path__, "mlops_ci."):
        if not module.name.startswith("mlops_ci.guest") and module.name != "mlops_ci.__main__":
            importlib.import_module(module.name)
    found = {*RAISED_AS_SUCH, *(one for one in _classes(base_errors.MlopsError) if one.__module__ != "mlops_ci.errors")}
    rows = sorted(
        (one.exit_code, f"`{one.__new__(one).failure_class}`", _summary(one))
        for one in found
        # An error that carries a job's own class has none of its own.
        if one.failure_class is base_errors.MlopsError.failure_class
    )
    return (
        "# Errors\n\nThe classes that a record's `error.class` and the last lines of a failed command name, beside\n"
        "those of failed jobs in your image ([failure classes](failure-classes.md)). Each comes with its cause in one\n"
        "line and the next step.\n\n"
        f"{_table(('class', 'exit code', 'what'), [(name, str(code), what) for code, name, what in rows])}"
    )


def _classes(base: type[base_errors.MlopsError]) -> Iterator[type[base_errors.MlopsError]]:
    for one in base.__subclasses__():
        yield one
        yield from _classes(one)


def _summary(one: type) -> str:
    """The first paragraph of the docstring, on one line."""
    return " ".join((inspect.getdoc(one) or "").split("\n\n")[0].split())


def failure_classes() -> str:
    """What a job in the image can end with, from the guest's own table."""
    return failure_page.page(_table)


def launch_variables() -> str:
    """What several processes find in their environment."""
    return (
        "# Variables of several processes\n\nWhat a job finds in its environment so that "
        "[several processes](../several-processes.md) work, and why.\n\n"
        f"{failure_page.variables(_table)}"
    )


def configuration() -> str:
    """One section per table, one row per key: its type, its default and what it means."""
    parts = [f"# Configuration\n\n{CONFIGURATION}"]
    for table in tables().values():
        rows = [
            (f"`{field.key}`", _type(field.annotation), _default(field), field.documentation)
            for field in table.fields.values()
        ]
        heading = f"## [{table.name}]\n\n{table.documentation}\n\n"
        parts.append(heading + _table(("key", "type", "default", "what"), rows))
    return "\n".join(parts)


def _default(field: Field) -> str:
    if field.required:
        return "**required**"
    return "–" if field.default is None else f"`{written(field.default)}`"


def _type(annotation: Any) -> str:
    """A type in a few words."""
    kinds = choices(annotation)
    words = [_one_type(one) for one in kinds if not (one is int and float in kinds)]
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _one_type(annotation: Any) -> str:
    plain = bare(annotation)
    if get_origin(plain) is Literal:
        return ", ".join(f"`{written(value)}`" for value in get_args(plain))
    if get_origin(plain) is tuple:
        return f"list of {_type(item_of(annotation))}"
    if is_free_table(annotation):
        return f"table of {_type(item_of(annotation))}"
    names: Mapping[Any, str] = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        Duration: "duration",
        Size: "size",
    }
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    limits = "".join(f" {_limits(mark)}" for mark in marks if isinstance(mark, Range))
    return names[plain] + limits


def _limits(mark: Range) -> str:
    if mark.maximum is not None:
        return f"({mark.minimum} to {mark.maximum})"
    return f"(above {mark.minimum})" if mark.above else f"(at least {mark.minimum})"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


# What is spoilt in the files that `init` writes, so that the pages show what `doctor` then says.
MISTAKES_GITHUB = (
    ("      packages: write # to push the images that it built\n", ""),
    ("    with:\n", "    secrets: inherit\n    with:\n      runner-gpus: h100\n      dry-run: 'yes'\n"),
    (f"@{release()}", "@main"),
)
MISTAKES_GITLAB = (
    ("runner-gpu: [gpu]", "config: model/mlops.toml\n      runner-gpu: gpu"),
    (f"    ref: {release()}\n", "    ref: main\n"),
)
ORIGIN = {
    "github": Origin(server="github.com", path="team/model"),
    "gitlab": Origin(server="gitlab.example.com", path="team/model"),
}


def health_checks() -> str:
    """What the health check looks at, and its limits with their sources."""
    parts = {"host": "this machine, no GPU", "node": "the driver, the node", "gpu": "each GPU, by the driver",
             "torch": "torch and the GPU", "load": "each GPU, while it works", "active": "each GPU, by work",
             "compare": "by comparison", "end": "an end before its time"}  # fmt: skip
    rows = [(f"`{one['id']}`", parts[one["part"]], one["looks_at"]) for one in health_table("checks")["checks"]]
    own = [
        (f"`{name}`", f"{one['value']:g}", one["unit"], one["source"])
        for name, one in health_table("limits")["limits"].items()
    ]
    active = [
        (f"`{one['name']}`", f"{one['value']:g}", one["unit"], f"{one['means']}; {one['source']}")
        for one in ACTIVE_LIMITS
    ]
    xids = [
        (", ".join(map(str, group["codes"])), group["verdict"], group["cause"], group["advice"])
        for group in health_table("xid")["groups"]
    ]
    return (
        "# Health check: checks and limits\n\nThe names are those of `[verify] only`, `silence` and `limits`. "
        "[What the verdict means](../health-check.md).\n\n"
        f"{_table(('check', 'part', 'looks at'), rows)}\n## Limits\n\n"
        f"{_table(('limit', 'value', 'unit', 'source'), [*own, *active])}\n## XIDs\n\n"
        f"{health_table('xid')['source']}. PASS: not the node's fault.\n\n"
        f"{_table(('codes', 'verdict', 'means', 'what to do'), xids)}"
    )


def github() -> str:
    """What to paste for GitHub Actions, and the tables of its files."""
    profile = github_profile("default")
    starter = github_starter.files(Bundle(repository=profile.repository, ref=release()), branch="main")
    files = {github_starter.TRAIN: starter[github_starter.TRAIN]}
    said = doctored(files, MISTAKES_GITHUB, lambda root: review_github(root, profile.repository, ORIGIN["github"]))
    return github_page(
        profile,
        GITHUB_EXAMPLE.read_text(encoding="utf-8"),
        GITHUB_EXAMPLE.with_name("retry.yml").read_text(encoding="utf-8"),
        said,
    )


def gitlab() -> str:
    """What to paste for GitLab CI, and the tables of its files."""
    profile = gitlab_profile()
    files = gitlab_starter.files(Bundle(repository=profile.repository, ref=release()))
    said = doctored(files, MISTAKES_GITLAB, lambda root: review_gitlab(root, profile.repository, ORIGIN["gitlab"]))
    return gitlab_page(profile, GITLAB_EXAMPLE.read_text(encoding="utf-8"), said)


def doctored(
    files: Mapping[str, str], mistakes: Iterable[tuple[str, str]], review: Callable[[Path], Review]
) -> dict[str, str]:
    """What `doctor` really says of these files: with the mistakes, and as they are with a store on S3."""
    said = {}
    for name, changes in (("mistakes", mistakes), ("policies", ())):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            store = '[publish]\nstore = "s3://models/team"\n' if name == "policies" else ""
            (root / "mlops.toml").write_text(f'[train]\ncommand = "python train.py"\n{store}', encoding="utf-8")
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(spoilt(text, changes), encoding="utf-8")
            said[name] = "\n".join(lines(review(root)))
    return said


def spoilt(text: str, changes: Iterable[tuple[str, str]]) -> str:
    """The text with these mistakes where the call that trains stands: at GitHub the last job. Each must be possible."""
    for old, new in changes:
        before, found, after = text.rpartition(old) if "\njobs:\n" in text else text.partition(old)
        if not found:
            raise ValueError(f"there is no {old!r} to spoil")
        text = before + new + after
    return text


PAGES = {
    "cli.md": cli,
    "configuration.md": configuration,
    "stages.md": stages,
    "exit-codes.md": exit_codes,
    "health-checks.md": health_checks,
    "failure-classes.md": failure_classes,
    "launch-variables.md": launch_variables,
    "errors.md": errors,
    "faults.md": lambda: fault_page.faults_page(_table),
}


def files() -> dict[Path, str]:
    """Every generated file and the text that it must have."""
    pages = {REFERENCE / name: NOTE + render().rstrip() + "\n" for name, render in PAGES.items()}
    systems = {GITHUB: github(), GITLAB: gitlab()}
    schemas = {SCHEMA: schema.text(), RECORD_SCHEMA: record_schema.text()}
    return {**pages, **schemas, **{path: NOTE + text.rstrip() + "\n" for path, text in systems.items()}}


def main() -> int:
    """Write the files, or with `--check` exit 1 when one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    check = parser.parse_args().check
    stale = []
    for path, text in files().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'stale: run python bin/generate_docs.py' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
