"""Getting the vulnerability database: from a real OCI server, and all the ways in which it can fail."""

from __future__ import annotations

import datetime as dt
import http.server
import socketserver
import threading
from dataclasses import replace

import pytest

from mlops_ci import network
from mlops_ci.scanning import database, trivy
from mlops_ci.scanning.database import DatabaseBrokenError, DatabaseMissingError, DatabaseStaleError
from mlops_ci.scanning.pins import pins
from support.registry_stub import Answer, stub_registry

HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """The waits between attempts, not the attempts."""
    monkeypatch.setattr(network.RetryPolicy, "wait", lambda self, attempt: 0.0)


def manifests(server):
    return [request for request in server.requests if "/manifests/" in request]


def test_the_database_is_downloaded_once_and_then_from_the_cache(project, trivy_db_server):
    first = project.scan(trivy_db_server.trivy_repository)
    asked = len(trivy_db_server.requests)
    second = project.scan(trivy_db_server.trivy_repository)
    assert len(trivy_db_server.requests) == asked
    assert first.db is not None
    assert second.db is not None
    assert first.db.digest == second.db.digest == database.cached_digest(project.scanner.cache)
    assert project.scan(trivy_db_server.trivy_repository, offline=True).verdict == "passed"


def test_another_mirror_is_asked_at_once(project, trivy_db_server, trivy_db_of):
    project.scan(trivy_db_server.trivy_repository)
    other = trivy_db_of(lambda entries: entries[:2])
    project.scan(other.trivy_repository)
    assert manifests(other)


def test_too_many_requests_are_tried_again(project, trivy_db_server):
    trivy_db_server.fail_next(429)
    assert project.scan(trivy_db_server.trivy_repository, local=False).verdict == "passed"


def test_a_server_that_stays_busy_is_no_database(project, trivy_db_server):
    trivy_db_server.fail_next(*[429] * 50)
    with pytest.raises(DatabaseMissingError) as raised:
        project.scan(trivy_db_server.trivy_repository, local=False)
    assert raised.value.exit_code == 4
    assert trivy_db_server.trivy_repository in raised.value.cause
    assert len(trivy_db_server.requests) >= pins().download_attempts


def test_a_repository_that_does_not_exist_is_not_tried_again(project, trivy_db_server):
    with pytest.raises(DatabaseMissingError) as raised:
        project.scan(f"{trivy_db_server.address}/none:2", local=False)
    assert "404" in raised.value.cause or "NAME_UNKNOWN" in raised.value.cause
    assert "[mirrors] trivy-db" in raised.value.hint
    assert len(manifests(trivy_db_server)) <= 2


def test_nobody_listening_is_skipped_locally_and_said_with_the_reason(project):
    outputs = project.scan("127.0.0.1:1/trivy-db:2")
    assert outputs.verdict == "not-scanned"
    assert "connection refused" in outputs.parts[0].why


def test_a_server_that_never_answers_ends_with_the_time_limit(project, silent_server, monkeypatch):
    monkeypatch.setattr(database, "pins", lambda: replace(pins(), download_timeout=2.0))
    monkeypatch.setattr(trivy, "GRACE", 0.5)
    with pytest.raises(DatabaseMissingError, match="did not end within 2 s"):
        project.scan(f"{silent_server}/trivy-db:2", local=False)


def test_a_page_in_place_of_a_mirror_is_no_database(project):
    """A proxy's own page, with which everything is answered."""
    page = Answer(headers={"Content-Type": "text/html"}, body=b"<!DOCTYPE html><html>Sign in</html>")
    with stub_registry(lambda _: page) as portal, pytest.raises(DatabaseMissingError) as raised:
        project.scan(f"{portal.host}/trivy-db:2", local=False)
    assert raised.value.exit_code == 4
    assert f"{portal.host}/trivy-db:2" in raised.value.cause
    assert not (project.scanner.cache / "db" / "trivy.db").exists()


def test_an_old_database_in_the_mirror_does_not_count(project, trivy_db_of):
    server = trivy_db_of(lambda entries: entries, built_at=dt.datetime.now(dt.UTC) - 60 * HOUR)
    with pytest.raises(DatabaseStaleError, match="60 h old"):
        project.scan(server.trivy_repository)
    assert project.scan(server.trivy_repository, db_max_age=100 * 3600.0).verdict == "passed"


def test_a_young_database_counts_when_it_cannot_be_brought_up_to_date(project, trivy_db_of):
    server = trivy_db_of(lambda entries: entries, built_at=dt.datetime.now(dt.UTC) - 30 * HOUR)
    project.scan(server.trivy_repository)
    outputs = project.scan("127.0.0.1:1/trivy-db:2", local=False)
    assert outputs.verdict == "passed"
    assert any("could not be brought up to date" in warning for warning in project.heard.warnings)


def test_an_old_database_that_cannot_be_brought_up_to_date_is_none(project, trivy_db_of):
    server = trivy_db_of(lambda entries: entries, built_at=dt.datetime.now(dt.UTC) - 60 * HOUR)
    project.scan(server.trivy_repository, db_max_age=100 * 3600.0)
    with pytest.raises(DatabaseMissingError, match="60 h old, too old to count"):
        project.scan("127.0.0.1:1/trivy-db:2", local=False)
    assert project.scan("127.0.0.1:1/trivy-db:2").verdict == "not-scanned"


def test_a_failed_download_leaves_the_database_that_was_there(project, trivy_db_server):
    project.scan(trivy_db_server.trivy_repository)
    before = database.cached_digest(project.scanner.cache)
    project.scan(f"{trivy_db_server.address}/none:2")
    assert database.cached_digest(project.scanner.cache) == before


@pytest.mark.parametrize("size", [100, 4096, 3 * 4096])
def test_a_truncated_database_is_broken_not_clean(project, trivy_db_server, size):
    project.scan(trivy_db_server.trivy_repository)
    with (project.scanner.cache / "db" / "trivy.db").open("r+b") as stream:
        stream.truncate(size)
    with pytest.raises(DatabaseBrokenError) as raised:
        project.scan(trivy_db_server.trivy_repository)
    assert raised.value.exit_code == 4
    assert str(project.scanner.cache / "db") in raised.value.hint


def test_a_file_that_is_no_database_is_broken(project, trivy_db_server):
    project.scan(trivy_db_server.trivy_repository)
    (project.scanner.cache / "db" / "trivy.db").write_bytes(b"<html>Sign in</html>" * 1000)
    with pytest.raises(DatabaseBrokenError):
        project.scan(trivy_db_server.trivy_repository)


def test_nothing_is_left_in_the_scratch_folder(project, trivy_db_server):
    project.scan(trivy_db_server.trivy_repository)
    project.scan("127.0.0.1:1/trivy-db:2")
    assert not list((project.scanner.cache / "scratch").iterdir())


@pytest.fixture
def silent_server():
    """Takes connections and says nothing."""
    done = threading.Event()

    class Silence(socketserver.BaseRequestHandler):
        def handle(self):
            done.wait(30)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silence) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        done.set()
        server.shutdown()
        thread.join()
