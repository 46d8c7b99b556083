"""The job's own processes, as the sampler finds them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mlops_ci.guest.processes import linux

TREE = """
import subprocess, sys, threading, time
def other():
    subprocess.run([sys.executable, "-c", "import sys; print('there', flush=True); sys.stdin.read()"])
threading.Thread(target=other).start()
"""


@pytest.mark.parametrize("lists", [True, False], ids=["the kernel's lists", "without them"])
def test_children_grandchildren_and_those_that_a_thread_started(lists, monkeypatch):
    if not lists:
        monkeypatch.setattr(os.path, "exists", lambda _: False)
    argv = [sys.executable, "-c", TREE]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"there\n"
        found = linux.below(os.getpid())
        assert child.pid in found
        assert len(linux.below(child.pid)) == 1
        assert set(found) >= set(linux.descendants(child.pid))
        child.stdin.close()
        child.wait()
    assert child.pid not in linux.below(os.getpid())
