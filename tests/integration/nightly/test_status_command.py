"""`mlops-ci nightly status` as a process: on a machine that has only the configuration and the store."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from mlops_ci.nightly.stamps import Ended, Stamps, Started
from mlops_ci.run.clock import stamp
from mlops_ci.stores.open import open_store
from support.cli import call
from support.s3_places import use_credentials
from support.web_server import Reply, web_server

CONFIG = """[project]
name = "digits"
[train]
command = "python train.py"
[nightly]
schedule = "* * * * *"
start-within = "1h"
"""


@pytest.fixture
def machine(tmp_path):
    """A machine that never ran anything."""
    folder = tmp_path / "machine"
    folder.mkdir()
    (folder / "mlops.toml").write_text(CONFIG)
    return folder


def leave(store, result, code, age=timedelta(minutes=1)):
    at = stamp(datetime.now(UTC) - age)
    stamps = Stamps(store=store, project="digits", mode="nightly")
    stamps.start(Started(run="20261125-020000-abcdef", at=at, host="h"))
    ended = {"started_at": at, "at": at, "result": result, "exit_code": code, "reason": "train: it broke"}
    stamps.end(Ended(run="20261125-020000-abcdef", **ended))


def ask(machine, store, *arguments, **environment):
    return call(machine, "nightly", "status", *arguments, environment={"MLOPS_CI_PUBLISH__STORE": store, **environment})


def test_the_exit_code_follows_the_stamps(machine, tmp_path):
    place = str(tmp_path / "store")
    store = open_store(place)
    leave(store, "passed", 0)
    file = tmp_path / "metrics" / "nightly.prom"
    fine = ask(machine, place, "--json", "--prometheus", str(file))
    assert fine.exit_code == 0, fine.said
    found = json.loads(fine.stdout)
    assert (found["schema"], found["state"], found["exit_code"]) == ("mlops-ci/nightly-status/1", "on time", 0)
    assert found["succeeded"]["run"] == "20261125-020000-abcdef"
    assert 'state="on time"} 1' in file.read_text()

    leave(store, "failed", 20)
    failed = ask(machine, place)
    assert failed.exit_code == 1
    assert "exit code 20: train: it broke" in failed.stdout

    leave(store, "passed", 0, age=timedelta(hours=3))
    missed = ask(machine, place)
    assert (missed.exit_code, "missed" in missed.stdout) == (1, True)
    assert ask(machine, place, "--max-delay", "4h").exit_code == 0


def test_a_store_that_cannot_be_asked_is_4_and_never_fine(machine, tmp_path):
    file = tmp_path / "nightly.prom"
    unreachable = {
        "MLOPS_CI_PUBLISH__ENDPOINT": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x" * 20,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    done = ask(machine, "s3://bucket/prefix", "--prometheus", str(file), **unreachable)
    assert done.exit_code == 4, done.said
    assert "schedule-unknown" in done.stderr
    assert 'state="unknown"} 1' in file.read_text()

    place = tmp_path / "store" / "nightly" / "digits" / "nightly"
    place.mkdir(parents=True)
    (place / "started.json").write_text("{")
    damaged = ask(machine, str(tmp_path / "store"))
    assert damaged.exit_code == 4
    assert "started.json" in damaged.stderr


def test_without_a_schedule_somebody_must_say_how_often(machine, tmp_path):
    (machine / "mlops.toml").write_text(CONFIG.split("[nightly]", maxsplit=1)[0])
    done = ask(machine, str(tmp_path / "store"))
    assert done.exit_code == 2
    assert "--max-delay" in done.stderr
    wrong = ask(machine, str(tmp_path / "store"), "--max-delay", "soon")
    assert (wrong.exit_code, "--max-delay soon" in wrong.stderr) == (2, True)
    leave(open_store(str(tmp_path / "store")), "skipped", 0)
    unwritable = ask(machine, str(tmp_path / "store"), "--max-delay", "1d", "--prometheus", "/dev/null/x")
    assert (unwritable.exit_code, "/dev/null/x cannot be written" in unwritable.stderr) == (3, True)
    assert ask(machine, str(tmp_path / "store"), "--max-delay", "1d").exit_code == 0


def test_two_machines_share_what_an_s3_store_knows(machine, place, monkeypatch):
    use_credentials(monkeypatch, place.server)
    leave(place.store(), "passed", 0)
    settings = {"MLOPS_CI_PUBLISH__ENDPOINT": place.server.endpoint, **place.server.environment}
    done = ask(machine, place.uri, **settings)
    assert done.exit_code == 0, done.said
    assert not (machine / ".mlops").exists(), "asking leaves nothing on the machine"


def test_a_missed_night_is_told_once_and_so_is_its_end(machine, tmp_path):
    config = CONFIG.replace('start-within = "1h"', 'start-within = "10m"') + '[notify]\nwebhook = "HOOK_URL"\n'
    (machine / "mlops.toml").write_text(config)
    place = str(tmp_path / "store")
    store = open_store(place)
    with web_server(lambda _: Reply(body=b"ok")) as hook:
        leave(store, "passed", 0, age=timedelta(hours=5))
        for _ in range(2):
            assert ask(machine, place, HOOK_URL=f"{hook.url}/uSecretPart").exit_code == 1
        leave(store, "passed", 0)
        for _ in range(2):
            done = ask(machine, place, HOOK_URL=f"{hook.url}/uSecretPart")
            assert done.exit_code == 0, done.said
            assert "uSecretPart" not in done.said
        assert [request.json["kind"] for request in hook.requests] == ["missed-run", "recovery"]


def test_who_cannot_be_told_changes_no_verdict(machine, tmp_path):
    (machine / "mlops.toml").write_text(CONFIG + '[notify]\nwebhook = "HOOK_URL"\ntimeout = "1s"\n')
    done = ask(machine, str(tmp_path / "store"), HOOK_URL="http://127.0.0.1:9/nobody")
    assert done.exit_code == 1
    assert "webhook was not told" in done.stderr
