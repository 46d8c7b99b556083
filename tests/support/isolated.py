"""Programs in a network namespace of their own: nothing but loopback, as on a machine without any network."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def alone() -> tuple[str, ...]:
    """The start of a command line that runs the rest of it with loopback alone; skips the test where it cannot be."""
    for program in ("unshare", "ip"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no `{program}`: install the packages util-linux and iproute2")
    tried = subprocess.run([*ALONE, "ip", "-oneline", "link"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this user may not make a network namespace (root may): {tried.stderr.strip()}")
    assert [line.split(":")[1].strip() for line in tried.stdout.splitlines()] == ["lo"]
    return ALONE


@contextmanager
def shared() -> Iterator[tuple[str, ...]]:
    """The start of a command line, for programs that share one such machine: an engine, a server, who uses them."""
    words = [*alone(), "sh", "-c", "echo ready; exec cat"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        try:
            yield ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--")
        finally:
            holder.stdin.close()


def run(
    words: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str], timeout: float = 900
) -> subprocess.CompletedProcess[str]:
    """Run a program that must end well; all that it said is shown when it does not."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=dict(environment),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
