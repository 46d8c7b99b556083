"""What is listed, and which locks count on which engine."""

from __future__ import annotations

import pytest

from mlops_ci.console import Console, NullSink
from mlops_ci.mirroring.actions import pinned, server_url
from mlops_ci.mirroring.needs import needs
from mlops_ci.mirroring.wanted import Wanted
from mlops_ci.scanning import binary
from support.image_projects import make_settings


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    monkeypatch.setattr(binary, "_of_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "requirements.txt").write_text("rich\n")
    (tmp_path / "extra.lock").write_text(f"einops==0.8.0 --hash=sha256:{'a' * 64}\n")
    image = {"variant": "cpu", "requirements": "requirements.txt", "extra": "extra.lock"}
    settings = make_settings(tmp_path, image=image)
    return Wanted(settings=settings, engine="host", cache=tmp_path / "cache", console=Console(sink=NullSink()))


def test_all_kinds_are_listed_for_the_host_engine(wanted):
    rows = needs(wanted)
    assert {row.kind for row in rows} == {"wheel", "scanner", "action", "tool"}
    torch = next(row for row in rows if row.name == "torch")
    assert (torch.version, torch.source) == ("2.13.0+cpu", "lock torch")
    assert {row.source for row in rows if row.kind == "wheel"} == {
        "lock tool",
        "lock torch",
        "lock train",
        "lock extra",
        "[image] requirements",
    }


def test_what_the_machine_lacks_is_listed_too(wanted):
    trivy = next(row for row in needs(wanted) if row.name == "trivy")
    assert trivy.source == "missing on this machine"


def test_actions_are_listed_by_commit(wanted):
    rows = [row for row in needs(wanted) if row.kind == "action"]
    assert [row.digest for row in rows] == [action.commit for action in pinned()]
    assert all(len(row.digest) == 40 for row in rows)


def test_actions_come_from_the_server_that_ci_names():
    assert server_url({}) == "https://github.com"
    assert server_url({"GITHUB_SERVER_URL": "https://github.example/"}) == "https://github.example"


def test_pins_of_other_machines_are_left_out(wanted):
    for lock in wanted.locks:
        assert lock.pins
        assert all(pin.applies() for pin in lock.pins)
