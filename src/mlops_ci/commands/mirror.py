"""`mlops-ci mirror`: everything from outside, listed, exported as one archive, imported where there is no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.engines.select import choose
from mlops_ci.errors import UsageError
from mlops_ci.images.lookup import configured_ca_bundle
from mlops_ci.mirroring.export import export as export_archive
from mlops_ci.mirroring.importing import EXPORTS, SETTINGS
from mlops_ci.mirroring.importing import bring as import_archive
from mlops_ci.mirroring.index import Index
from mlops_ci.mirroring.needs import Need, needs
from mlops_ci.mirroring.wanted import Wanted
from mlops_ci.records.codec import to_json
from mlops_ci.run.workspace import Workspace

DIGEST_SHOWN = 12


class InsideMirrorError(UsageError):
    """The engine `inside` has no images or environments of ours that could be mirrored."""


def list_needs(options: Options) -> int:
    """Print everything that the project needs from outside."""
    rows = needs(_wanted(options))
    if options.json:
        click.echo(json.dumps([to_json(row) for row in rows], indent=2))
        return 0
    for line in _table(rows):
        click.echo(line)
    known = sum(row.bytes or 0 for row in rows if row.carried == "archive")
    unknown = sum(row.bytes is None for row in rows)
    click.echo(f"{len(rows)} rows, {known / 1e6:.1f} MB known, {unknown} of unknown size until they are fetched")
    return 0


def export(options: Options, file: Path, without: Sequence[str]) -> int:
    """Write the archive; its checksum goes to standard output, as `sha256sum` would print it."""
    wanted = _wanted(options)
    done = export_archive(wanted, file, without=without)
    for line in done.index.missing:
        wanted.console.annotate("warning", "not in the archive", line)
    if options.json:
        members = [to_json(member) for member in done.index.members]
        facts = {"file": str(file), "bytes": done.bytes, "sha256": done.sha256, "missing": list(done.index.missing)}
        click.echo(json.dumps({**facts, "members": members}, indent=2))
        return 0
    click.echo(f"{len(done.index.members)} files, {done.bytes / 1e6:.1f} MB", err=True)
    click.echo(f"{done.sha256}  {file}")
    return 0


def bring(options: Options, file: Path, registry: str | None, folder: Path | None) -> int:
    """Import the archive; the settings that make the pipeline use it go to standard output."""
    settings = load_settings(options)
    workspace = Workspace(root=settings.root)
    workspace.prepare()
    done = import_archive(
        file,
        folder=(folder or workspace.folder / "mirror").absolute(),
        cache=workspace.cache,
        registry=registry,
        console=new_console(verbose=options.verbose),
        ca_bundle=configured_ca_bundle(settings),
    )
    if options.json:
        facts = {"folder": str(done.folder), "changed": done.changed, "variables": dict(done.variables)}
        click.echo(json.dumps({**facts, "missing": list(done.index.missing)}, indent=2))
        return 0
    _advise(done.index, done.folder, done.changed)
    click.echo(done.settings, nl=False)
    return 0


def _advise(index: Index, folder: Path, changed: int) -> None:
    click.echo(f"{changed} files laid into {folder}" if changed else f"{folder} is complete already", err=True)
    for line in index.missing:
        click.echo(f"not in the archive: {line}", err=True)
    if index.database is not None:
        built = index.database.built_at
        click.echo(f"the vulnerability database of {built} counts for as long as [scan] db-max-age says", err=True)
    click.echo(f"put this into mlops.toml ({folder / SETTINGS}), or source {folder / EXPORTS}:", err=True)


def _wanted(options: Options) -> Wanted:
    settings = load_settings(options)
    provider = new_provider()
    console = new_console(verbose=options.verbose, provider=provider)
    workspace = Workspace(root=settings.root)
    workspace.prepare()
    engine = choose(options.engine, local=provider.local, project=settings.root, console=console).name
    if engine == "inside":
        raise InsideMirrorError(
            "the engine `inside` builds nothing that could be mirrored", hint="use --engine docker or --engine host"
        )
    return Wanted(settings=settings, engine=engine, cache=workspace.cache, console=console)


def _table(rows: Iterable[Need]) -> list[str]:
    """One line per row, in columns as wide as they need."""
    head = ("what", "name", "version", "digest", "MB", "from", "in the archive")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _cells(row: Need) -> tuple[str, ...]:
    digest = (row.digest or "-").removeprefix("sha256:")[:DIGEST_SHOWN]
    size = "-" if row.bytes is None else f"{row.bytes / 1e6:.1f}"
    carried = {"archive": "itself", "": "no"}.get(row.carried, f"in {row.carried}")
    return (row.kind, row.name, row.version or "-", digest, size, row.source, carried)
