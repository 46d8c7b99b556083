"""A real MLflow server on SQLite for a project that names none: started, watched, and gone with us."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from mlops_ci import process
from mlops_ci.console import Console
from mlops_ci.network import PROXY_NAMES
from mlops_ci.redaction import is_secret_name
from mlops_ci.tracking import database
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.errors import EmbeddedServerError, EmbeddedServerMissingError
from mlops_ci.tracking.folder_lock import folder_lock
from mlops_ci.tracking.port import held_port
from mlops_ci.tracking.server_command import ARTIFACTS, ServerCommand, server_command
from mlops_ci.tracking.server_log import ServerLog

TEMPORARY = "tmp"
PROBE = "/api/2.0/mlflow/experiments/search?max_results=1"
POLL_SECONDS = 0.1
TAKEN = "address already in use"
# Without byte code MLflow needs three times as long to start, each time.
DROPPED = frozenset({"PYTHONDONTWRITEBYTECODE"})


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a server runs: its folder, the guest that holds its leash, the lock that it inherits, its log."""

    folder: Path
    zipapp: Path
    lock: int
    log: ServerLog


@contextmanager
def embedded_server(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    zipapp: Path,
    console: Console | None = None,
    empty: Path | None = None,
) -> Iterator[str]:
    """Run an MLflow server on `folder` for a `with` block; gives its address.

    `host` is this machine's address as the jobs see it; the server listens there alone. `zipapp` is the guest, whose
    leash ends the server within seconds when this process dies. The database is `mlflow.db`, the log `server.log`;
    `empty` is a folder, shared by projects, for empty databases (see `database.prepare`).
    Raises `EmbeddedServerMissingError`, `EmbeddedServerBusyError` when another run uses the folder, and
    `EmbeddedServerError` with the log's last lines.
    """
    version = _installed_version()
    try:
        (folder / ARTIFACTS).mkdir(parents=True, exist_ok=True)
        log = ServerLog(folder)
    except OSError as error:
        raise EmbeddedServerError(
            f"the folder of the embedded MLflow can't be written: {folder}: {error.strerror}",
            hint="give this user write permission there, or run in a copy of the project that is its own",
        ) from error
    with folder_lock(folder, wait=constants().server.busy) as lock:
        log.rotate()
        shutil.rmtree(folder / TEMPORARY, ignore_errors=True)
        place = _Place(folder=folder, zipapp=zipapp, lock=lock, log=log)
        database.prepare(folder, version=version, upgrade=lambda name: _upgrade(place, name, version), empty=empty)
        with _running(place, host, version) as uri, _no_proxy(host):
            if console is not None:
                console.say(f"MLflow {version} on SQLite at {uri}")
            yield uri


def _installed_version() -> str:
    try:
        return importlib.metadata.version("mlflow")
    except importlib.metadata.PackageNotFoundError as error:
        raise EmbeddedServerMissingError(
            "no MLflow server is configured, and MLflow's own is not installed here",
            hint='pip install "mlops-ci[embedded]", or name a server under [tracking] uri',
        ) from error


@contextmanager
def _running(place: _Place, host: str, version: str) -> Iterator[str]:
    """A server that answers. One that finds its port taken is started again on another."""
    attempts = constants().server.attempts
    for attempt in range(1, attempts + 1):
        with held_port(host) as port:
            name = f"[{host}]" if ":" in host else host
            uri = f"http://{name}:{port}"
            with _leashed(place, server_command(host, port, name, version)) as child:
                problem = _await_answer(child, uri)
                if problem is None:
                    yield uri
                    return
        if attempt == attempts or TAKEN not in "\n".join(place.log.tail()):
            raise EmbeddedServerError(
                f"the embedded MLflow server {problem}",
                hint=f"its log is {place.log.path}",
                details=place.log.tail(),
            )


def _upgrade(place: _Place, name: str, version: str) -> None:
    """Run MLflow's migrations on the database `name`."""
    before = database.written_by(place.folder)
    command = ServerCommand(module=("mlflow", "db", "upgrade", f"sqlite:///{name}"))
    with _leashed(place, command) as child:
        try:
            code = child.wait(constants().server.upgrade)
        except subprocess.TimeoutExpired:
            code = -1
    if code == 0:
        return
    newer = before is not None and before != version
    raise EmbeddedServerError(
        f"the database of the embedded MLflow can't be brought to MLflow {version}"
        + (f"; it was last written by {before}" if before else ""),
        hint=f"install mlflow {before} or newer" if newer else f"the log is {place.log.path}",
        details=place.log.tail(),
    )


@contextmanager
def _leashed(place: _Place, command: ServerCommand) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m MODULE ...` in the folder, under the guest's leash; ended with all that it started."""
    argv = [sys.executable, str(place.zipapp.resolve()), "leash", "--", sys.executable, "-m", *command.module]
    environment = {**_environment(place), **command.environment}
    with place.log.path.open("ab") as output:
        child = process.start(argv, cwd=place.folder, environment=environment, output=output, pass_fds=[place.lock])
    try:
        yield child
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let go of the leash and wait until nothing is left; be firm with a leash that hangs."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(constants().server.stop)
    except subprocess.TimeoutExpired:
        process.end_group(child.pid, gone=lambda: child.poll() is not None)
        child.wait()


def _environment(place: _Place) -> dict[str, str]:
    """Ours without MLflow's settings, which would change what we start, and without secrets, which it needs none of.

    Temporary files get a folder of the server's own: MLflow locks by name there, and on a shared machine the file of
    that name may be somebody else's.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "_MLFLOW_")) and not is_secret_name(name) and name not in DROPPED
    }
    temporary = place.folder / TEMPORARY
    temporary.mkdir(exist_ok=True)
    return {**kept, **constants().server.environment, "TMPDIR": str(temporary.resolve()), "PYTHONSAFEPATH": "1"}


def _await_answer(child: subprocess.Popen[bytes], uri: str) -> str | None:
    """Wait for an answer to a real question at the very address that jobs will use; the problem if none comes."""
    seconds = constants().server.start
    deadline = time.monotonic() + seconds
    # No proxy: urllib3 uses none unless it is told to.
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=1.0, read=10.0))
    last = "nothing listens there"
    with pool:
        while time.monotonic() < deadline:
            if child.poll() is not None:
                return f"ended while it started (exit code {child.returncode})"
            try:
                status = pool.request("GET", uri + PROBE).status
            except urllib3.exceptions.HTTPError:
                time.sleep(POLL_SECONDS)
                continue
            if status == 200:
                return None
            last = f"it answers with status {status}"
            time.sleep(POLL_SECONDS)
    return f"did not answer at {uri} within {seconds:.0f} s: {last}"


@contextmanager
def _no_proxy(host: str) -> Iterator[None]:
    """Keep this process's clients from asking a proxy for a server on this machine."""
    if not any(os.environ.get(name) for name in PROXY_NAMES):
        yield
        return
    before = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
    for name, value in before.items():
        os.environ[name] = f"{value},{host}" if value else host
    try:
        yield
    finally:
        _restore(before)


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
