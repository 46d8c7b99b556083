"""The database of a registry that asks for a login: fetched by a job that has one, and taken by the job that scans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Called, call
from support.oci_server import OciServer, trivy_database_server
from support.project import make_project

LOGIN = ("reader", "word-of-the-house")


@pytest.fixture
def server(trivy_db_folder: Path) -> Iterator[OciServer]:
    with trivy_database_server(trivy_db_folder / "db", login=LOGIN) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def database(project: Path, server: OciServer, words: str, folder: Path, password: str = "") -> Called:
    """One of the two commands, on a machine of its own."""
    login = {"MLOPS_CI_DATABASE_USERNAME": LOGIN[0], "MLOPS_CI_DATABASE_PASSWORD": password}
    known = {
        "MLOPS_CI_MIRRORS__TRIVY_DB": server.trivy_repository,
        "MLOPS_CI_CACHE": str(project.parent / words),
        "HOME": str(project.parent),
    }
    return call(project, "database", words, str(folder), environment={**known, **login})


def test_who_may_log_in_hands_it_to_who_may_not(project: Path, server: OciServer, tmp_path: Path) -> None:
    handed = tmp_path / "handed" / "artifact"
    fetched = database(project, server, "fetch", handed, LOGIN[1])
    assert fetched.exit_code == 0, fetched.said
    assert LOGIN[1] not in fetched.said
    assert not list(tmp_path.rglob("config.json")), "nothing of the login stays on the machine"
    asked = len(server.requests)
    taken = database(project, server, "take", handed.parent)
    assert taken.exit_code == 0, taken.said
    assert len(server.requests) == asked, "who takes it asks nobody"
    assert (tmp_path / "take" / "trivy" / "db" / "trivy.db").read_bytes() == (handed / "trivy.db").read_bytes()

    with (handed / "trivy.db").open("ab") as file:
        file.write(b"one more")
    changed = database(project, server, "take", handed.parent)
    assert (changed.exit_code, "was changed on the way" in changed.said) == (2, True)
    (handed / "mlops-ci-database.json").unlink()
    lost = database(project, server, "take", handed.parent)
    assert (lost.exit_code, "no vulnerability database was handed on" in lost.said) == (2, True)


@pytest.mark.parametrize("password", ["", "a-wrong-word"])
def test_without_the_login_there_is_none(project: Path, server: OciServer, tmp_path: Path, password: str) -> None:
    done = database(project, server, "fetch", tmp_path / "handed", password)
    assert done.exit_code == 4, done.said
    assert not (tmp_path / "handed").exists()
    assert "word" not in done.said.replace("password", "")
