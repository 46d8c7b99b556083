"""The vulnerability database: had from a mirror, from Trivy's own addresses, or from the cache; never from us."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_ci import network, process
from mlops_ci.errors import UncheckedError
from mlops_ci.file_lock import FileLock
from mlops_ci.files import sha256_of, write_json
from mlops_ci.records.scan import DatabaseInfo
from mlops_ci.scanning.pins import pins
from mlops_ci.scanning.scratch import scratch
from mlops_ci.scanning.trivy import DETAIL_LINES, Trivy, how_it_ended

SCHEMA = 2
# What Trivy takes a database from.
FILES = ("trivy.db", "metadata.json")
# A database from tomorrow means that a clock is wrong: its age says nothing then.
CLOCK_TOLERANCE = timedelta(hours=24)
# Trivy's own rule too: who has just asked does not ask again.
ASK_AGAIN = timedelta(hours=1)
TRIVYS_OWN = "Trivy's default addresses"
SOURCE = "mlops-ci-source.json"


class DatabaseMissingError(UncheckedError):
    """No vulnerability database can be had: none in the cache, none from the network."""


class DatabaseStaleError(UncheckedError):
    """The vulnerability database is older than `[scan] db-max-age`."""


class DatabaseBrokenError(UncheckedError):
    """The vulnerability database in the cache is no database, or does not say how old it is."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database that may be used. `warning` says what is not as it should be, though good enough."""

    info: DatabaseInfo
    source: str
    downloaded: bool
    warning: str = ""


def obtain(
    trivy: Trivy, *, repository: str | None, offline: bool, max_age: float, now: datetime | None = None
) -> Database:
    """The database in Trivy's cache, brought up to date first unless `offline`.

    `repository` is the setting `[mirrors] trivy-db`; `max_age` in seconds. The network is asked only when the publisher
    has announced a newer one, or the address has changed. A download that fails never replaces what is there, and what
    is there still counts while it is young enough. Raises `DatabaseMissingError`, `DatabaseStaleError`,
    `DatabaseBrokenError`.
    """
    moment = now or datetime.now(UTC)
    folder = trivy.cache / "db"
    source = repository or TRIVYS_OWN
    failure: _DownloadError | None = None
    downloaded = False
    if not offline and not _current(folder, source, moment):
        failure = _download(trivy, repository, folder)
        downloaded = failure is None
    if not (folder / "trivy.db").is_file():
        raise _missing(trivy, failure, source)
    built_at = _built_at(folder)
    age = moment - built_at
    if failure is not None and age.total_seconds() > max_age:
        raise _missing(trivy, failure, source, age=age)
    _judge_age(age, max_age, source)
    info = DatabaseInfo(
        built_at=built_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        age_hours=round(max(0.0, age.total_seconds()) / 3600, 1),
        digest=_digest(folder),
    )
    warning = f"it could not be brought up to date ({failure.why}) and is {info.age_hours:g} h old" if failure else ""
    return Database(info=info, source=source, downloaded=downloaded, warning=warning)


def set_aside(cache: Path, folder: Path) -> str:
    """Put the database of Trivy's cache folder into `folder` too, where no download replaces it; gives its digest."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with FileLock(cache / "database.lock"):
        for name in FILES:
            try:
                os.link(cache / "db" / name, folder / name)
            except OSError:  # another file system
                shutil.copyfile(cache / "db" / name, folder / name)
    return _digest(folder)


def cached_digest(cache: Path) -> str | None:
    """The digest of the database in Trivy's cache folder, None without one; the network is not asked."""
    return _digest(cache / "db") if (cache / "db" / "trivy.db").is_file() else None


class _DownloadError(Exception):
    def __init__(self, why: str, details: tuple[str, ...], *, transient: bool) -> None:
        super().__init__(why)
        self.why = why
        self.details = details
        self.transient = transient


def _current(folder: Path, source: str, now: datetime) -> bool:
    """Whether the cached database is of this source, and nothing newer is promised or was just looked for."""
    try:
        metadata = json.loads((folder / "metadata.json").read_bytes())
        known = json.loads((folder / SOURCE).read_bytes()) if (folder / SOURCE).exists() else {"source": source}
        promised = _moment(metadata.get("NextUpdate"))
        asked = _moment(metadata.get("DownloadedAt"))
        complete = metadata["Version"] == SCHEMA and (folder / "trivy.db").is_file()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    fresh = (promised is not None and now < promised) or (asked is not None and now < asked + ASK_AGAIN)
    return bool(complete and fresh and known.get("source") == source)


def _download(trivy: Trivy, repository: str | None, folder: Path) -> _DownloadError | None:
    """Fetch into a folder of its own, why not if not; only a whole database takes the place of the old one."""
    with scratch(trivy.cache, "incoming") as incoming:
        try:
            network.retry(
                lambda: _ask(replace(trivy, cache=incoming), repository),
                transient=lambda error: isinstance(error, _DownloadError) and error.transient,
                policy=network.RetryPolicy(attempts=pins().download_attempts),
            )
        except _DownloadError as error:
            return error
        _take(incoming, folder, source=repository or TRIVYS_OWN)
    return None


def bring(cache: Path, fill: Callable[[Path], None], *, source: str) -> None:
    """Put a database that came by hand into Trivy's cache folder: `fill` writes its two files into the folder it gets.

    The old one stays until the new one is whole.
    """
    with scratch(cache, "incoming") as incoming:
        (incoming / "db").mkdir()
        fill(incoming / "db")
        _built_at(incoming / "db")
        _take(incoming, cache / "db", source=source)


def cached_moment(cache: Path) -> datetime | None:
    """When the database in Trivy's cache folder was built; None without a usable one."""
    try:
        return _built_at(cache / "db") if (cache / "db" / "trivy.db").is_file() else None
    except DatabaseBrokenError:
        return None


def _take(incoming: Path, folder: Path, *, source: str) -> None:
    """Let the whole database in `incoming` take the place of the one in `folder`."""
    write_json(incoming / "db" / SOURCE, {"source": source})
    with FileLock(folder.parent / "database.lock"):
        if folder.exists():
            os.replace(folder, incoming / "replaced")
        os.replace(incoming / "db", folder)


def _ask(trivy: Trivy, repository: str | None) -> None:
    words = ["image", "--download-db-only", *(("--db-repository", repository) if repository else ())]
    timeout = pins().download_timeout
    with scratch(trivy.cache, "call") as work:
        finished = trivy.run(words, timeout=timeout, folder=work, offline=False)
    if finished.exit_code == 0 and not finished.timed_out and (trivy.cache / "db" / "trivy.db").is_file():
        return
    said = finished.stderr
    why = _reason(finished) if finished.exit_code else "Trivy ended well, but there is no database"
    if finished.timed_out or "context deadline exceeded" in said:
        why = how_it_ended(finished, timeout)
    shutil.rmtree(trivy.cache / "db", ignore_errors=True)
    raise _DownloadError(why, finished.tail(DETAIL_LINES), transient=not finished.timed_out and is_transient(said))


def is_transient(said: str) -> bool:
    """Whether what Trivy said of a download is worth another try."""
    return any(words in said for words in pins().transient)


def _reason(finished: process.Finished) -> str:
    """The last cause that Trivy names: its errors nest from left to right, the bottom one stands on its own line."""
    bottom = [line.strip(" \t*") for line in finished.stderr.splitlines() if line.strip().startswith("*")]
    return bottom[-1][:300] if bottom else how_it_ended(finished, 0)


def _built_at(folder: Path) -> datetime:
    try:
        metadata: Any = json.loads((folder / "metadata.json").read_bytes())
        moment = _moment(metadata["UpdatedAt"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatabaseBrokenError(
            f"{folder / 'metadata.json'} does not say how old the database is: {error!r}", hint=_REMOVE.format(folder)
        ) from error
    if moment is None or metadata.get("Version") != SCHEMA:
        raise DatabaseBrokenError(
            f"{folder / 'metadata.json'} is of version {metadata.get('Version')!r}, or has no date",
            hint=_REMOVE.format(folder),
        )
    return moment


_REMOVE = "remove {} and run `mlops-ci scan` again"


def _moment(value: Any) -> datetime | None:
    """Trivy writes up to nine digits of a second, and the year 1 for "never"."""
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    head, dot, tail = value.replace("Z", "+00:00").partition(".")
    if dot:
        digits = tail.split("+")[0].split("-")[0]
        head = f"{head}.{digits[:6]}{tail[len(digits) :]}"
    moment = datetime.fromisoformat(head)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _judge_age(age: timedelta, max_age: float, source: str) -> None:
    hours = age.total_seconds() / 3600
    if age < -CLOCK_TOLERANCE:
        raise DatabaseStaleError(
            f"the vulnerability database was built {-hours:.0f} h in the future: its age cannot be told",
            hint="is this machine's clock right?",
        )
    if age.total_seconds() > max_age:
        raise DatabaseStaleError(
            f"the vulnerability database is {hours:.0f} h old; [scan] db-max-age allows {max_age / 3600:g} h",
            hint=f"{source} has nothing newer: is the mirror still filled? or allow the age in [scan] db-max-age",
        )


def _missing(
    trivy: Trivy, failure: _DownloadError | None, source: str, age: timedelta | None = None
) -> DatabaseMissingError:
    if failure is None:
        return DatabaseMissingError(
            f"[scan] offline is set, and there is no vulnerability database in {trivy.cache / 'db'}",
            hint="copy one there (trivy.db and metadata.json), or let the scan use the network once",
        )
    old = f"; the one in the cache is {age.total_seconds() / 3600:.0f} h old, too old to count" if age else ""
    return DatabaseMissingError(
        f"no vulnerability database can be had from {source}: {failure.why}{old}",
        hint="name a mirror that can be reached in [mirrors] trivy-db, or check proxy and CA bundle",
        details=failure.details,
    )


def _digest(folder: Path) -> str:
    """The SHA-256 of the database. A file of hundreds of megabytes is read once, then known by its identity."""
    path, memory = folder / "trivy.db", folder / "mlops-ci-digest.json"
    state = path.stat()
    identity = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(memory.read_bytes())
        if known["identity"] == identity:
            return str(known["sha256"])
    digest = sha256_of(path)
    with suppress(OSError):
        write_json(memory, {"identity": identity, "sha256": digest})
    return digest
