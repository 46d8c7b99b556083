"""Stamps in a store: what was written comes back, a failure is no success, damage is no "never ran"."""

from __future__ import annotations

import json

import pytest

from mlops_ci.nightly.stamps import Ended, Memory, StampDamagedError, Stamps, Started
from mlops_ci.stores.local import LocalStore

RUN = "20261125-020000-abcdef"


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def stamps(store):
    return Stamps(store=store, project="digits", mode="nightly")


def started(run=RUN, at="2026-11-25T02:00:00.000Z"):
    return Started(run=run, at=at, host="h", links={"run": "https://ci.example/1"})


def ended(result="passed", run=RUN, at="2026-11-25T03:00:00.000Z", code=0):
    return Ended(
        run=run,
        started_at="2026-11-25T02:00:00.000Z",
        at=at,
        result=result,
        exit_code=code,
        parts={"data": "d", "code": None},
    )


def test_nothing_was_ever_left(stamps):
    assert stamps.read() == Memory()
    assert stamps.succeeded() is None


def test_what_was_left_comes_back(stamps):
    stamps.start(started())
    stamps.end(ended())
    assert stamps.read() == Memory(started=started(), ended=ended(), succeeded=ended())


@pytest.mark.parametrize(("result", "code"), [("failed", 20), ("skipped", 0)])
def test_a_run_that_did_not_train_leaves_the_last_success_alone(stamps, result, code):
    stamps.end(ended())
    later = ended(result, run="20261126-020000-abcdef", at="2026-11-26T03:00:00.000Z", code=code)
    stamps.end(later)
    assert stamps.read() == Memory(ended=later, succeeded=ended())


def test_projects_and_modes_have_stamps_of_their_own(store, stamps):
    stamps.start(started())
    assert Stamps(store=store, project="digits", mode="weekly").read() == Memory()
    assert Stamps(store=store, project="other", mode="nightly").read() == Memory()
    odd = Stamps(store=store, project="digits", mode="../../a b")
    odd.start(started())
    assert odd.started() == started()
    assert {info.key.split("/")[0] for info in store.list()} == {"nightly"}


def test_cut_off_after_the_success_was_written_the_run_has_ended(stamps, monkeypatch):
    stamps.end(ended("failed", run="20261124-020000-abcdef", at="2026-11-24T03:00:00.000Z", code=20))
    put = LocalStore.put_bytes
    written = []

    def killed(self, key, data, *, only_if_absent):
        if written:
            raise KeyboardInterrupt
        written.append(key)
        return put(self, key, data, only_if_absent=only_if_absent)

    monkeypatch.setattr(LocalStore, "put_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        stamps.end(ended())
    assert stamps.read() == Memory(ended=ended(), succeeded=ended())


GOOD = {"schema": "mlops-ci/nightly-started/1", "run": RUN, "at": "2026-11-25T02:00:00.000Z", "host": "h"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        json.dumps({**GOOD, "schema": "other/1"}).encode(),
        json.dumps({**GOOD, "at": "yesterday"}).encode(),
        json.dumps({**GOOD, "at": "2026-11-25T02:00:00"}).encode(),
        json.dumps({**GOOD, "run": 7}).encode(),
    ],
)
def test_a_damaged_stamp_is_told_and_is_not_never_ran(store, stamps, content):
    store.put_bytes(stamps.key("started"), content, only_if_absent=True)
    with pytest.raises(StampDamagedError) as caught:
        stamps.read()
    assert stamps.key("started") in caught.value.cause
    assert caught.value.exit_code == 4


def test_a_newer_version_may_add_keys(store, stamps):
    store.put_bytes(stamps.key("started"), json.dumps({**GOOD, "more": 1}).encode(), only_if_absent=True)
    assert stamps.started().run == RUN
