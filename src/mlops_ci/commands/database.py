"""`mlops-ci database`: the vulnerability database, from the job that may log in to the job that scans."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.surroundings import drop_empty, log_in_to_database
from mlops_ci.commands.voice import new_console
from mlops_ci.files import sha256_of, write_json
from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.records.record import FileRef
from mlops_ci.run.run import HandoverError, read_json
from mlops_ci.run.workspace import Workspace
from mlops_ci.scanning.binary import find
from mlops_ci.scanning.database import FILES, TRIVYS_OWN, bring, obtain, set_aside
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import ca_bundle

SCHEMA = "mlops-ci/database/1"
MANIFEST = "mlops-ci-database.json"


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A database on its way: where it is from, when it was built, and its files."""

    schema: str = SCHEMA
    source: str
    built_at: str
    files: tuple[FileRef, ...]


def fetch(options: Options, folder: Path) -> int:
    """Put the database as fresh as a scan would have it into `folder`, with what is needed to check it."""
    console = new_console(verbose=options.verbose)
    settings = load_settings(options)
    cache = _cache(settings)
    with ExitStack() as stack:
        drop_empty(os.environ)
        log_in_to_database(settings, os.environ, console, stack)
        scan, repository = settings.tables.scan, settings.tables.mirrors.trivy_db
        trivy = find(settings.root, cache=cache, ca_bundle=ca_bundle(settings))
        found = obtain(trivy, repository=repository, offline=scan.offline, max_age=scan.db_max_age)
        set_aside(cache, folder)
    files = tuple(_ref(folder, name) for name in FILES)
    carried = Carried(source=found.source, built_at=found.info.built_at, files=files)
    write_json(folder / MANIFEST, to_json(carried))
    console.say(f"vulnerability database of {carried.built_at}: {sum(one.bytes for one in files) / 1e6:.1f} MB")
    return 0


def take(options: Options, folder: Path) -> int:
    """Lay the newest database below `folder` where the scan finds it, every file checked."""
    settings = load_settings(options)
    newest = max(_carried(folder), key=lambda one: one[1].built_at, default=None)
    if newest is None:
        raise HandoverError(
            f"no vulnerability database was handed on in {folder}",
            hint="was the artifact of the job `database` fetched, and is it still kept? Run that job again",
        )
    place, carried = newest

    def fill(target: Path) -> None:
        for ref in carried.files:
            copyfile(place / ref.path, target / ref.path)
            if sha256_of(target / ref.path) != ref.sha256:
                raise HandoverError(f"{place / ref.path} was changed on the way", hint="run the job `database` again")

    bring(_cache(settings), fill, source=settings.tables.mirrors.trivy_db or TRIVYS_OWN)
    click.echo(f"vulnerability database of {carried.built_at}, from {carried.source}", err=True)
    return 0


def _carried(folder: Path) -> Iterator[tuple[Path, Carried]]:
    for path in sorted(folder.rglob(MANIFEST)):
        found = from_json(Carried, read_json(path), where=str(path))
        names = tuple(one.path for one in found.files)
        if found.schema != SCHEMA or names != FILES or not all((path.parent / name).is_file() for name in names):
            raise RecordFormatError(f"{path}: is no whole database", hint="run the job `database` again")
        yield path.parent, found


def _ref(folder: Path, name: str) -> FileRef:
    return FileRef(path=name, bytes=(folder / name).stat().st_size, sha256=sha256_of(folder / name))


def _cache(settings: Settings) -> Path:
    return Workspace(root=settings.root).cache / "trivy"
