"""Stamps on the real stores: whole whenever they are read, under a `kill -9` and under two writers at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_ci.nightly.stamps import Ended, Started
from support.stamps import REPEATED, stamps_at, write

WRITER = """
import os, sys
from support.stamps import write
write((sys.argv[1], os.environ.get("ENDPOINT")), sys.argv[2], 100_000, begun=lambda: print("begun", flush=True))
"""
SEED = 20261125
TESTS = Path(__file__).parents[2]


@pytest.fixture(params=["local", "s3"])
def where(request, tmp_path):
    """Address and endpoint of a store."""
    if request.param == "local":
        return str(tmp_path / "store"), None
    place = request.getfixturevalue("place")
    return place.uri, place.server.endpoint


def writer(where, run):
    uri, endpoint = where
    environment = {**os.environ, "PYTHONPATH": str(TESTS), **({"ENDPOINT": endpoint} if endpoint else {})}
    argv = [sys.executable, "-c", WRITER, uri, run]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    return child


def check_whole(memory):
    """Every stamp is one that a writer wrote, not a mixture of two."""
    for one in (memory.ended, memory.succeeded):
        assert one is None or one.parts["code"] == one.run * REPEATED
    assert memory.started is None or memory.started.host == memory.started.run * REPEATED
    assert memory.succeeded is None or memory.succeeded.result == "passed"


def test_killed_at_any_moment_every_stamp_is_whole(where):
    moments = random.Random(SEED)
    stamps = stamps_at(where)
    for run in ("first", "second", "third")[: 3 if where[1] is None else 2]:
        with writer(where, run) as child:
            time.sleep(moments.uniform(0.01, 0.2))
            child.kill()
        assert child.returncode == -signal.SIGKILL
        found = stamps.read()
        check_whole(found)
        assert found.started.run == run
    last = {"run": "last", "started_at": "2030-01-01T00:00:00.000Z", "at": "2030-01-01T01:00:00.000Z", "exit_code": 0}
    stamps.start(Started(run="last", at=last["started_at"], host="last" * REPEATED))
    stamps.end(Ended(result="passed", parts={"code": "last" * REPEATED}, **last))
    found = stamps.read()
    check_whole(found)
    assert {found.started.run, found.ended.run, found.succeeded.run} == {"last"}
    assert len(list(stamps.store.list())) == 3, "a kill leaves nothing else behind"


def test_two_writers_and_a_reader_at_once(where):
    stamps = stamps_at(where)
    reads = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        writers = [pool.submit(write, where, run, 40) for run in ("a", "b")]
        while not all(one.done() for one in writers):
            check_whole(stamps.read())
            reads += 1
        for one in writers:
            one.result()
    assert reads
    last = stamps.read()
    check_whole(last)
    assert last.succeeded.result == "passed"
    assert {last.started.run, last.ended.run} <= {"a", "b"}
