"""The scanner's database: taken from its cache, up to date, and laid where a scan without a network finds it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mlops_ci.mirroring.index import DATABASE, DatabaseEntry
from mlops_ci.mirroring.reading import Archive
from mlops_ci.mirroring.wanted import Wanted
from mlops_ci.mirroring.writing import Source, SourceChangedError
from mlops_ci.scanning.database import FILES, cached_digest, cached_moment, obtain, set_aside
from mlops_ci.scanning.database import bring as bring_database

FOLDER = "trivy"
SOURCE = "an archive of mlops-ci mirror"
TRIES = 3


def export(wanted: Wanted, folder: Path) -> tuple[DatabaseEntry, dict[str, Source]]:
    """The database as fresh as a scan would have it, set aside in `folder`: another run may replace it meanwhile.

    Raises what the scan would raise, and `SourceChangedError` when it is replaced again and again.
    """
    scan, cache = wanted.settings.tables.scan, wanted.trivy.cache
    for _ in range(TRIES):
        found = obtain(
            wanted.trivy,
            repository=wanted.settings.tables.mirrors.trivy_db,
            offline=scan.offline,
            max_age=scan.db_max_age,
        )
        if set_aside(cache, folder) == found.info.digest:
            break
    else:
        raise SourceChangedError(f"{cache / 'db'} is replaced by other runs", hint="run the same command again")
    files = {f"{FOLDER}/{name}": Source(path=folder / name, size=(folder / name).stat().st_size) for name in FILES}
    return DatabaseEntry(built_at=found.info.built_at, sha256=found.info.digest), files


def bring(archive: Archive, cache: Path) -> str:
    """Put the database where the scan looks for it; in words what was done. One that is newer stays."""
    entry = archive.index.database
    if entry is None:
        return "the archive has none"
    if cached_digest(cache) == entry.sha256:
        return "it is there already"
    here = cached_moment(cache)
    if here is not None and here > datetime.fromisoformat(entry.built_at):
        return f"the one that is there is newer ({here:%Y-%m-%d %H:%M} UTC): it stays"

    def fill(folder: Path) -> None:
        for member in archive.index.of_kind(DATABASE):
            with (folder / member.path.removeprefix(f"{FOLDER}/")).open("wb") as stream:
                archive.copy(member, stream)

    bring_database(cache, fill, source=SOURCE)
    return f"laid into {cache / 'db'}"
