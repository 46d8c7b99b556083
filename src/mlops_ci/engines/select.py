"""Which engine runs the jobs: the one that was asked for, or, only on a person's own machine, the best there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.engines.base import Engine, EngineUnavailableError
from mlops_ci.errors import UsageError

NAMES = ("auto", "docker", "host", "inside")


class EngineChoiceError(UsageError):
    """The engine was not named where it must be, or there is none of that name."""


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """What makes images without an engine (`[image] builder`), and where they are kept (`[image] registry`)."""

    builder: str | None
    registry: str | None


ENGINE_ALONE = Elsewhere(builder=None, registry=None)


def choose(name: str, *, local: bool, project: Path, console: Console, elsewhere: Elsewhere = ENGINE_ALONE) -> Engine:
    """The engine of that name. Raises `EngineUnavailableError` when it cannot be used here.

    `auto` is Docker when it answers, else the host, and says so; where the provider is not `local` it is refused: a
    pipeline must not change its isolation with the state of a daemon. Where images are made `elsewhere`, Docker need
    not answer: what runs no job goes on. Raises `EngineChoiceError` where they are made and kept nowhere.
    """
    if elsewhere.builder and not elsewhere.registry and name == "inside":
        raise _nowhere(elsewhere.builder, "the engine inside has no place for images")
    if name == "auto":
        return _automatic(local=local, project=project, console=console)
    if name not in NAMES:
        raise EngineChoiceError(f"there is no engine {name!r}", hint=f"choose one of {', '.join(NAMES)}")
    engine = _make(name, project, console)
    reason = engine.available()
    if reason is not None and name == "docker" and elsewhere.builder:
        return _without(reason, elsewhere, console)
    if reason is not None:
        images = "; to build images without one, set [image] builder and registry" if name == "docker" else ""
        raise EngineUnavailableError(
            f"the engine {name} cannot be used: {reason}",
            hint=f"put that right, or choose another engine with --engine{images}",
        )
    return engine


def _without(reason: str, elsewhere: Elsewhere, console: Console) -> Engine:
    """The place of an engine that is not there, for what needs none."""
    if not elsewhere.registry:
        raise _nowhere(str(elsewhere.builder), f"there is no container engine either ({reason})")
    console.say(f"no container engine here ({reason}): images are made by the builder {elsewhere.builder}")
    console.say(f"they are looked up, read, scanned and signed in {elsewhere.registry}; no job runs on this machine")
    from mlops_ci.engines.absent import AbsentDocker

    return AbsentDocker(reason=reason)


def _nowhere(builder: str, why: str) -> EngineChoiceError:
    return EngineChoiceError(
        f"[image] builder = `{builder}` builds images, and there is no place to put them: {why}",
        hint="set [image] registry to a registry that the builder may push to, or leave out [image] builder",
    )


def _automatic(*, local: bool, project: Path, console: Console) -> Engine:
    if not local:
        raise EngineChoiceError(
            "the engine `auto` is for a person's own machine: in CI it is chosen by name",
            hint="pass --engine docker, host or inside",
        )
    docker = _make("docker", project, console)
    reason = docker.available()
    if reason is None:
        return docker
    host = choose("host", local=local, project=project, console=console)
    console.annotate(
        "warning",
        "no container engine: using the HOST engine",
        f"{reason}. Jobs run as processes of this user in a virtual environment, not isolated in containers. "
        "Choose with --engine docker or --engine host.",
    )
    return host


def _make(name: str, project: Path, console: Console) -> Engine:
    """The engine; those that are not used are not loaded."""
    if name == "docker":
        from mlops_ci.engines.docker import DockerEngine

        return DockerEngine(project=project, console=console)
    if name == "host":
        from mlops_ci.engines.host import HostEngine

        return HostEngine(project=project, console=console)
    from mlops_ci.engines.inside import InsideEngine

    return InsideEngine(project=project, console=console)
