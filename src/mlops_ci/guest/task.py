"""`task.json` (`mlops-ci/task/1`): what the control side wants done, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from mlops_ci.guest.files import read_json
from mlops_ci.guest.health.levels import LEVELS

SCHEMA = "mlops-ci/task/1"
DEFAULT_GRACE = 30.0


class TaskError(Exception):
    """The task cannot be used: a mistake of the control side, not of the user."""


@dataclass(frozen=True)
class Paths:
    """Folders as the job sees them. None: there is no such folder in this task."""

    job: Path
    work: Path
    output: Path
    tmp: Path
    data: Path | None = None
    checkpoints: Path | None = None
    model: Path | None = None
    champion: Path | None = None
    extra: Path | None = None


@dataclass(frozen=True)
class NamedCommand:
    """One command line, not yet split, and the name under which the outcome lists it."""

    name: str
    command: str


@dataclass(frozen=True)
class Expectation:
    """What the job needs of this node; None is not checked. `torch` is a version prefix such as `2.13`."""

    gpus: int = 0
    memory_bytes: int | None = None
    shm_bytes: int | None = None
    disk_bytes: int | None = None
    torch: str | None = None


@dataclass(frozen=True)
class Silence:
    """A check whose finding is known and accepted until the end of a day (`2026-12-31`), and why."""

    check: str
    reason: str
    until: str


@dataclass(frozen=True)
class HealthRequest:
    """For the kind `health`: `level` static, quick, standard or long (None: by the budget), `only` these checks.

    `limits` replace those of the table. `known`: what an earlier look found of these GPUs still counts.
    """

    level: str | None = None
    only: tuple[str, ...] = ()
    silences: tuple[Silence, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    known: bool = False


@dataclass(frozen=True)
class ShellRequest:
    """For the kind `shell`: the command, or none for a shell on a terminal of this kind (the variable TERM)."""

    argv: tuple[str, ...] = ()
    terminal: str | None = None


@dataclass(frozen=True)
class Launch:
    """How many processes: `processes` on each of `nodes` nodes, of which this one is `node` (from 0).

    `rendezvous` is the address (`host:port`) at which several nodes meet. `backend` is `nccl` or `gloo`.
    """

    processes: int = 1
    nodes: int = 1
    node: int = 0
    rendezvous: str | None = None
    backend: str = "gloo"

    @property
    def world(self) -> int:
        """Processes in all."""
        return self.processes * self.nodes


@dataclass(frozen=True)
class Smoke:
    """A smoke run: it ends after `steps`; a script that resumes may take `patience` until its first checkpoint."""

    steps: int
    patience: int


@dataclass(frozen=True)
class Task:
    """Times are in seconds. `model` is None when no model is demanded, else the file names that may be pickles."""

    run: str
    stage: str
    kind: str
    paths: Paths
    commands: tuple[NamedCommand, ...] = ()
    environment: Mapping[str, str] | None = None
    params: Mapping[str, Any] | None = None
    seed: int = 0
    timeout: float | None = None
    grace: float = DEFAULT_GRACE
    stall: float | None = None
    gpu_idle: float | None = None
    metrics: Mapping[str, str] | None = None
    sample_seconds: float = 1.0
    model: tuple[str, ...] | None = None
    expect: Expectation = Expectation()
    secrets: tuple[str, ...] = ()
    shell: ShellRequest | None = None
    health: HealthRequest = HealthRequest()
    launch: Launch = Launch()
    smoke: Smoke | None = None


def read_task(path: Path) -> Task:
    """The task in `path`; raises `TaskError` when it is missing, damaged or not of our schema."""
    try:
        raw = read_json(path)
    except (OSError, ValueError) as error:
        raise TaskError(f"{path.name} could not be read: {error}") from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise TaskError(f"{path.name} is not of the schema {SCHEMA}")
    try:
        return _task(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TaskError(f"{path.name} is not complete: {type(error).__name__}: {error}") from error


def _task(raw: Mapping[str, Any]) -> Task:
    if raw["kind"] not in ("command", "health", "shell"):
        raise ValueError(f"unknown kind {raw['kind']!r}")
    model = raw.get("model")
    expect = raw.get("expect") or {}
    return Task(
        run=str(raw["run"]),
        stage=str(raw["stage"]),
        kind=raw["kind"],
        paths=_paths(raw["paths"], str(raw.get("output") or "outputs")),
        commands=tuple(NamedCommand(str(one["name"]), str(one["command"])) for one in raw.get("commands") or ()),
        environment={str(name): str(value) for name, value in (raw.get("environment") or {}).items()},
        params=dict(raw.get("params") or {}),
        seed=int(raw.get("seed") or 0),
        timeout=_seconds(raw.get("timeout")),
        grace=DEFAULT_GRACE if raw.get("grace") is None else max(0.0, float(raw["grace"])),
        stall=_seconds(raw.get("stall")),
        gpu_idle=_seconds(raw.get("gpu_idle")),
        metrics={str(name): str(pattern) for name, pattern in (raw.get("metrics") or {}).items()},
        sample_seconds=max(0.1, float(raw.get("sample_seconds") or 1.0)),
        model=None if model is None else tuple(map(str, model.get("allow_pickle") or ())),
        expect=Expectation(
            gpus=int(expect.get("gpus") or 0),
            memory_bytes=_count(expect.get("memory_bytes")),
            shm_bytes=_count(expect.get("shm_bytes")),
            disk_bytes=_count(expect.get("disk_bytes")),
            torch=expect.get("torch"),
        ),
        secrets=tuple(map(str, raw.get("secrets") or ())),
        shell=_shell(raw["shell"]) if raw["kind"] == "shell" else None,
        health=_health(raw.get("health") or {}),
        launch=_launch(raw.get("launch") or {}),
        smoke=_smoke(raw["smoke"]) if raw.get("smoke") else None,
    )


def _smoke(raw: Mapping[str, Any]) -> Smoke:
    smoke = Smoke(steps=int(raw["steps"]), patience=int(raw["patience"]))
    if smoke.steps < 1:
        raise ValueError(f"no smoke run: {smoke}")
    return smoke


def _launch(raw: Mapping[str, Any]) -> Launch:
    launch = Launch(
        processes=int(raw.get("processes") or 1),
        nodes=int(raw.get("nodes") or 1),
        node=int(raw.get("node") or 0),
        rendezvous=raw.get("rendezvous"),
        backend=str(raw.get("backend") or "gloo"),
    )
    if launch.processes < 1 or not 0 <= launch.node < launch.nodes or (launch.nodes > 1 and not launch.rendezvous):
        raise ValueError(f"no launch: {launch}")
    return launch


def _health(raw: Mapping[str, Any]) -> HealthRequest:
    silences = [Silence(str(one["check"]), str(one["reason"]), str(one["until"])) for one in raw.get("silences") or ()]
    for one in silences:
        date.fromisoformat(one.until)
    if raw.get("level") not in (None, *LEVELS):
        raise ValueError(f"unknown level {raw['level']!r}")
    return HealthRequest(
        level=raw.get("level"),
        only=tuple(map(str, raw.get("only") or ())),
        silences=tuple(silences),
        limits={str(name): float(value) for name, value in (raw.get("limits") or {}).items()},
        known=bool(raw.get("known")),
    )


def _shell(raw: Mapping[str, Any]) -> ShellRequest:
    terminal = raw.get("terminal")
    argv = tuple(map(str, raw.get("argv") or ()))
    if bool(argv) == bool(terminal):
        raise ValueError("a shell has either a command or a terminal")
    return ShellRequest(argv=argv, terminal=str(terminal) if terminal else None)


def _paths(raw: Mapping[str, str], output: str) -> Paths:
    def optional(name: str) -> Path | None:
        return Path(raw[name]) if raw.get(name) else None

    work = Path(raw["work"])
    return Paths(
        job=Path(raw["job"]),
        work=work,
        output=optional("output") or work / output,
        tmp=Path(raw["tmp"]),
        data=optional("data"),
        checkpoints=optional("checkpoints"),
        model=optional("model"),
        champion=optional("champion"),
        extra=optional("extra"),
    )


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
