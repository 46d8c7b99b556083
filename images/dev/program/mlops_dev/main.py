"""mlops-dev [COMMAND...]: JupyterLab and SSH as one foreground program, or the command in their place.

Everything that it is told comes from the environment (see settings.py). It ends when a service ends, with its exit
code; 2 for settings that cannot be used.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import health, jupyter, ssh
from .settings import Settings, SettingsError, read

TICK = 0.2
GRACE = 8.0


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run, and give the exit code."""
    command = list(arguments)
    if command and command != ["--health"]:
        return _become(command)
    try:
        settings = read(environ)
    except SettingsError as error:
        print(f"mlops-dev: {error}", file=sys.stderr)
        return 2
    if command:
        return health.check(settings)
    with tempfile.TemporaryDirectory(prefix="mlops-dev-") as folder:
        return _serve(settings, Path(folder), dict(environ))


def _become(command: Sequence[str]) -> int:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"mlops-dev: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126


def _serve(settings: Settings, folder: Path, environ: dict[str, str]) -> int:
    """Both services until one ends, or until we are asked to; nothing is left behind."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: asked.append(received))
    children: dict[str, subprocess.Popen[bytes]] = {}
    if settings.jupyter is not None:
        command = jupyter.prepare(settings.jupyter, folder)
        children["JupyterLab"] = subprocess.Popen(command, env={**environ, "MLOPS_DEV_FOLDER": str(folder)})
        print(f"mlops-dev: JupyterLab at {jupyter.address(settings.jupyter)}", flush=True)
    if settings.ssh is not None:
        command, environment = ssh.prepare(settings.ssh, folder, environ)
        children["the SSH server"] = subprocess.Popen(command, env=environment)
        print(f"mlops-dev: SSH as {ssh.USER} at port {settings.ssh.port}", flush=True)
    ended: int | None = None
    while ended is None and not asked:
        time.sleep(TICK)
        for name, child in children.items():
            code = child.poll()
            # A signal of the container's end reaches all of them at once: that is nobody's failure.
            if code is not None and not asked:
                print(f"mlops-dev: {name} ended with exit code {code}", file=sys.stderr)
                ended = code if code > 0 else 1
    return _stop(list(children.values())) if ended is None else (_stop(list(children.values())), ended)[1]


def _stop(children: Sequence[subprocess.Popen[bytes]]) -> int:
    """End what still runs: politely first. 0, since this end was asked for."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + GRACE
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    return 0
