"""The database in the cache: age, source, damage. The network is only asked in the integration tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlops_ci.files import sha256_of
from mlops_ci.scanning.database import (
    DatabaseBrokenError,
    DatabaseMissingError,
    DatabaseStaleError,
    bring,
    cached_digest,
    is_transient,
    obtain,
    set_aside,
)
from mlops_ci.scanning.trivy import Trivy
from support import trivy_db

NOW = datetime(2099, 6, 1, 12, tzinfo=UTC)
TWO_DAYS = 48 * 3600.0


def trivy(cache: Path) -> Trivy:
    return Trivy(path=Path("/nowhere/trivy"), version="0", sha256="0", cache=cache)


def offline(cache: Path, max_age: float = TWO_DAYS):
    return obtain(trivy(cache), repository=None, offline=True, max_age=max_age, now=NOW)


def database(cache: Path, hours: float) -> Path:
    return trivy_db.write_database(cache, built_at=NOW - timedelta(hours=hours))


def test_a_young_database_says_when_it_was_built_and_what_it_is(tmp_path):
    folder = database(tmp_path, 6)
    had = offline(tmp_path)
    assert had.info.built_at == "2099-06-01T06:00:00Z"
    assert had.info.age_hours == 6.0
    assert had.info.digest == sha256_of(folder / "trivy.db") == cached_digest(tmp_path)
    assert not had.downloaded
    assert had.warning == ""


def test_the_network_is_not_asked_before_the_publisher_promises_a_newer_one(tmp_path):
    database(tmp_path, 23)
    had = obtain(trivy(tmp_path), repository=None, offline=False, max_age=TWO_DAYS, now=NOW)
    assert not had.downloaded


def test_an_old_database_does_not_count(tmp_path):
    database(tmp_path, 49)
    with pytest.raises(DatabaseStaleError) as raised:
        offline(tmp_path)
    assert raised.value.exit_code == 4
    assert raised.value.cause == "the vulnerability database is 49 h old; [scan] db-max-age allows 48 h"
    assert offline(tmp_path, max_age=50 * 3600).info.age_hours == 49.0


def test_a_database_of_the_future_means_a_wrong_clock(tmp_path):
    database(tmp_path, -30)
    with pytest.raises(DatabaseStaleError, match="30 h in the future"):
        offline(tmp_path)


def test_offline_without_a_database_says_where_to_put_one(tmp_path):
    with pytest.raises(DatabaseMissingError) as raised:
        offline(tmp_path)
    assert str(tmp_path / "db") in raised.value.cause
    assert cached_digest(tmp_path) is None


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "{",
        "[]",
        "{}",
        '{"Version": 1, "UpdatedAt": "2099-06-01T06:00:00Z"}',
        '{"Version": 2, "UpdatedAt": "0001-01-01T00:00:00Z"}',
        '{"Version": 2, "UpdatedAt": "yesterday"}',
        '{"Version": 2, "UpdatedAt": 7}',
    ],
)
def test_a_database_of_unknown_age_does_not_count(tmp_path, metadata):
    folder = database(tmp_path, 1)
    if metadata is None:
        (folder / "metadata.json").unlink()
    else:
        (folder / "metadata.json").write_text(metadata)
    with pytest.raises(DatabaseBrokenError):
        offline(tmp_path)


def test_trivys_nanoseconds_are_read(tmp_path):
    folder = database(tmp_path, 1)
    told = {"Version": 2, "UpdatedAt": "2099-06-01T10:00:00.123456789Z", "NextUpdate": "2099-06-02T10:00:00.1Z"}
    (folder / "metadata.json").write_text(json.dumps(told))
    assert offline(tmp_path).info.built_at == "2099-06-01T10:00:00Z"


def test_a_changed_database_has_another_digest(tmp_path):
    folder = database(tmp_path, 1)
    first = cached_digest(tmp_path)
    with (folder / "trivy.db").open("ab") as stream:
        stream.write(b"\0" * 4096)
    assert cached_digest(tmp_path) == sha256_of(folder / "trivy.db") != first


def test_what_was_set_aside_stays_when_another_run_takes_a_newer_one(tmp_path):
    folder = database(tmp_path / "cache", 30)
    digest = set_aside(tmp_path / "cache", tmp_path / "kept")
    assert digest == sha256_of(folder / "trivy.db")
    before = (tmp_path / "kept" / "metadata.json").read_bytes()

    def newer(place: Path) -> None:
        for name in ("trivy.db", "metadata.json"):
            (place / name).write_bytes((database(tmp_path / "new", 1) / name).read_bytes())

    bring(tmp_path / "cache", newer, source="elsewhere")
    assert (folder / "metadata.json").read_bytes() != before
    assert (tmp_path / "kept" / "metadata.json").read_bytes() == before
    assert sha256_of(tmp_path / "kept" / "trivy.db") == digest
    assert set_aside(tmp_path / "cache", tmp_path / "kept") == cached_digest(tmp_path / "cache")


@pytest.mark.parametrize(
    ("said", "again"),
    [
        ("GET http://127.0.0.1:14290/v2/db/manifests/2: unexpected status code 404 Not Found", False),
        ("2099-06-01T12:00:00.429Z FATAL GET http://db.example/v2/: NAME_UNKNOWN", False),
        ("GET http://db.example/v2/db/manifests/2: unexpected status code 429 Too Many Requests", True),
        ("GET http://db.example/v2/db/manifests/2: TOOMANYREQUESTS: slow down", True),
        ("GET http://db.example/v2/db/manifests/2: unexpected status code 503 Service Unavailable", True),
        ("dial tcp 127.0.0.1:1: connect: connection refused", True),
    ],
)
def test_a_number_that_stands_elsewhere_is_no_answer_of_the_server(said, again):
    assert is_transient(said) is again
