"""What an archive is gathered from: git, the tool's own wheel, pip."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mlops_ci.console import Console, NullSink
from mlops_ci.images import extra
from mlops_ci.images.extra import Target, wheel_platforms
from mlops_ci.mirroring import actions, tool
from mlops_ci.mirroring.actions import Action, bundles
from mlops_ci.mirroring.tool import tool_wheel
from mlops_ci.mirroring.wanted import Lock, Wanted
from mlops_ci.mirroring.wheels import Wheels, WheelsUnavailableError
from support.cli import call
from support.image_projects import locked, make_settings, write_wheel
from support.project import WITH_TORCH, commit, make_project


@pytest.fixture
def console():
    return Console(sink=NullSink())


@pytest.fixture
def action(tmp_path, monkeypatch):
    """A server with one action, pinned to its first commit, and a second pin that the server does not have."""
    place = tmp_path / "server" / "org" / "one"
    place.mkdir(parents=True)
    (place / "action.yml").write_text("name: one\n")
    commit(place, "first")
    head = subprocess.run(["git", "-C", place, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    (place / "action.yml").write_text("name: changed\n")
    commit(place, "second")
    found = Action(repository="org/one", commit=head.stdout.strip(), tag="v1.0.0")
    monkeypatch.setattr(
        actions, "pinned", lambda: (found, Action(repository="org/none", commit="0" * 40, tag="v2.0.0"))
    )
    return found


def test_a_pinned_action_becomes_a_bundle_that_can_be_cloned(tmp_path, action, console):
    missing = []
    server = (tmp_path / "server").as_uri()
    found = bundles(tmp_path / "actions", console, missing, {"GITHUB_SERVER_URL": server})
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--branch", "v1.0.0", found[action], clone], check=True)
    assert (clone / "action.yml").read_text() == "name: one\n"
    assert [line.split(":")[0] for line in missing] == ["action org/none@v2.0.0"]
    assert [path.name for path in (tmp_path / "actions").iterdir() if path.suffix == ".bundle"] == [action.file]


def test_a_bundle_that_is_there_is_not_fetched_again(tmp_path, action, console):
    server = (tmp_path / "server").as_uri()
    bundles(tmp_path / "actions", console, [], {"GITHUB_SERVER_URL": server})
    missing = []
    found = bundles(tmp_path / "actions", console, missing, {"GITHUB_SERVER_URL": "file:///nowhere"})
    assert list(found) == [action]


@pytest.fixture
def wanted(tmp_path, monkeypatch, console):
    """A project whose packages lie in one folder, and nowhere else."""
    (tmp_path / "index").mkdir()
    settings = make_settings(
        tmp_path,
        image={"variant": "cpu"},
        mirrors={"index": (tmp_path / "index").as_uri(), "find_links": (str(tmp_path / "served"),)},
    )
    return Wanted(settings=settings, engine="host", cache=tmp_path / "cache", console=console)


def pins(wanted, tmp_path, *wheels):
    (tmp_path / "lock").write_text("".join(locked(wheel) for wheel in wheels))
    from mlops_ci.images import lockfile

    return Lock(name="small", pins=lockfile.read(tmp_path / "lock"))


def test_packages_over_the_image_are_fetched_for_its_python(tmp_path, wanted, console):
    write_wheel(tmp_path / "served", "one", "1.0", files={"one.py": ""}, tag="cp38-cp38-manylinux_2_28_x86_64")
    right = write_wheel(
        tmp_path / "served", "one", "1.0", files={"one.py": ""}, tag="cp311-cp311-manylinux_2_28_x86_64"
    )
    (tmp_path / "extra.lock").write_text(locked(right))
    settings = make_settings(
        tmp_path, image={"variant": "cpu", "extra": "extra.lock"}, mirrors=vars(wanted.settings.tables.mirrors)
    )
    target = Target(version="3.11", machine="x86_64", tags=wheel_platforms("2.36", "x86_64"))
    plan = extra.plan(settings, (), engine="docker", variant="cpu")
    assert plan.target == target
    (tmp_path / "parts").mkdir()
    asked = Wanted(settings=settings, engine="host", cache=tmp_path / "cache", console=console)
    (found,) = Wheels(wanted=asked, folder=tmp_path / "parts").locked(
        Lock(name="extra", pins=plan.pins, words=target.words)
    )
    assert found.name == right.name


def test_wheels_of_a_lock_are_fetched_once(tmp_path, wanted):
    wheel = write_wheel(tmp_path / "served", "one", "1.0", files={"one.py": ""})
    write_wheel(tmp_path / "served", "other", "1.0", files={"other.py": ""})
    lock = pins(wanted, tmp_path, wheel)
    (tmp_path / "parts").mkdir()
    fetch = Wheels(wanted=wanted, folder=tmp_path / "parts")
    (found,) = fetch.locked(lock)
    assert found.read_bytes() == wheel.read_bytes()
    wheel.unlink()
    assert fetch.locked(lock) == (found,)


def test_a_wheel_with_another_hash_is_not_taken(tmp_path, wanted):
    wheel = write_wheel(tmp_path / "served", "one", "1.0", files={"one.py": ""})
    lock = pins(wanted, tmp_path, wheel)
    write_wheel(tmp_path / "served", "one", "1.0", files={"one.py": "changed = 1\n"})
    (tmp_path / "parts").mkdir()
    with pytest.raises(WheelsUnavailableError) as caught:
        Wheels(wanted=wanted, folder=tmp_path / "parts").locked(lock)
    assert any("DO NOT MATCH THE HASHES" in line for line in caught.value.details)


def test_the_tools_wheel_from_its_checkout_and_from_what_is_installed_hold_the_same(tmp_path, monkeypatch):
    pytest.importorskip("hatchling", reason="the lock of the project's own sessions has hatchling")
    built = tool_wheel(tmp_path / "built")
    site = tmp_path / "site"
    zipfile.ZipFile(built).extractall(site)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
        "from mlops_ci.mirroring.tool import tool_wheel; print(tool_wheel(Path(sys.argv[2])))"
    )
    words = [sys.executable, "-c", code, str(site), str(tmp_path / "again")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    again = Path(done.stdout.strip())
    assert again.name == built.name
    one, two = zipfile.ZipFile(built), zipfile.ZipFile(again)
    assert {name: one.read(name) for name in one.namelist() if not name.endswith("/RECORD")} == {
        name: two.read(name) for name in two.namelist() if not name.endswith("/RECORD")
    }
    assert "mlops_ci/bundle/requirements/tool.lock" in two.namelist()
    assert tool.DISTRIBUTION == "mlops-ci"


def test_list_as_a_table_and_as_json(tmp_path):
    project = make_project(tmp_path / "project", config=WITH_TORCH)
    rows = json.loads(call(project, "mirror", "list", "--engine", "host", "--json").stdout)
    assert {row["kind"] for row in rows} == {"wheel", "scanner", "action", "tool"}
    done = call(project, "mirror", "list", "--engine", "host")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["what", "name", "version", "digest"]
    assert len(lines) == len(rows) + 2
    assert lines[-1].startswith(f"{len(rows)} rows, ")
