"""The SQLite file of the embedded MLflow: whole and of the right version before a server opens it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mlops_ci.files import write_atomic
from mlops_ci.tracking.errors import EmbeddedServerError

DATABASE = "mlflow.db"
MARKER = "mlflow.db.version"
ASIDE = "mlflow.new.db"


def prepare(folder: Path, *, version: str, upgrade: Callable[[str], None], empty: Path | None = None) -> None:
    """Make sure that the database in `folder` has the schema of MLflow `version`.

    MLflow's migrations are not one transaction: a kill in the middle leaves a file that neither opens nor upgrades. So
    they run by `upgrade(file name)` on a copy, which then takes the place of the original. The caller holds the folder.
    They take seconds even on nothing, so an empty database of each version is kept in the folder `empty`, for the next
    project.
    Raises `EmbeddedServerError` when the file is no database.
    """
    path, marker, aside = folder / DATABASE, folder / MARKER, folder / ASIDE
    if path.is_file() and _read(marker) == version:
        return
    for leftover in folder.glob(f"{ASIDE}*"):
        leftover.unlink()
    template = empty / f"{version}.db" if empty is not None and not path.is_file() else None
    if template is not None and template.is_file():
        shutil.copyfile(template, aside)
    else:
        if path.is_file():
            _copy(path, aside)
        upgrade(ASIDE)
        if template is not None:
            write_atomic(template, aside.read_bytes())
    os.replace(aside, path)
    write_atomic(marker, version + "\n")


def settle(folder: Path) -> None:
    """Bring everything into the one file `mlflow.db`, so that a copy of it is whole. No server may have it open."""
    path = folder / DATABASE
    if path.is_file():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def written_by(folder: Path) -> str | None:
    """The version of MLflow whose schema the database has; None when it is not known."""
    return _read(folder / MARKER)


def _copy(path: Path, target: Path) -> None:
    """Copy a database with what its journal still holds (a plain copy of a killed server's file would lose that).

    The source is left without a journal: beside the file that takes its place, an old journal would be destructive.
    """
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            source.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        raise EmbeddedServerError(
            f"{path} can't be brought up to date: {error}; another program has it open",
            hint="stop the program that uses it (an `mlflow server` or `mlflow ui` of your own?)",
        ) from error
    except sqlite3.DatabaseError as error:
        raise EmbeddedServerError(
            f"{path} can't be read as a database: {error}",
            hint="move the folder aside to start with an empty MLflow, or put a backup in its place",
        ) from error


def _read(marker: Path) -> str | None:
    try:
        return marker.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
