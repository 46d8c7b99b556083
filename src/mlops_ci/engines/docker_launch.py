"""One container from its creation to its removal."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from mlops_ci.engines import leftovers
from mlops_ci.engines.base import EngineDiedError, Job
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.docker_client import remove_container
from mlops_ci.engines.docker_container import FOLDER, GUEST, Confinement, container_options, host_options
from mlops_ci.engines.docker_errors import translated
from mlops_ci.engines.docker_events import ContainerEvents
from mlops_ci.engines.docker_running import RunningContainer
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.engines.docker_stream import ContainerStream

KILLED, TERMINATED = 137, 143
ATTACH = "/containers/{id}/attach?stream=1&stdin=1&stdout=1&stderr=1"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """With what: the client and the socket of one engine, the guest's file, who the container is."""

    client: Any
    socket: DockerSocket
    guest: Path
    confinement: Confinement
    say: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How the container ended."""

    exit_code: int
    seconds: float
    out_of_memory: bool
    overdue: bool


def run_container(launch: Launch, job: Job, watch: Callable[[RunningContainer], bool]) -> Ended:
    """Run the job in a new container, which is gone when this returns or raises.

    `watch` stays with it to its end, and says whether it was ended because it was overdue.
    """
    client = launch.client
    host_config = client.create_host_config(
        **host_options(job, launch.confinement),
        mounts=_mounts(job, launch.guest),
        device_requests=_device_requests(launch.confinement.gpus),
    )
    options = container_options(job, launch.confinement, host_config)
    try:
        with translated(job):
            created = client.create_container(**options)
            for warning in created.get("Warnings") or ():
                launch.say(f"Docker: {warning}")
            since = _unix_time(client.inspect_container(created["Id"])["Created"])
        return _watch(launch, job, watch, container=created["Id"], since=since)
    finally:
        # By name: an interrupt may come before the engine has told us the id.
        remove_container(client, launch.socket, options["name"])


def _watch(launch: Launch, job: Job, watch: Callable[[RunningContainer], bool], *, container: str, since: int) -> Ended:
    """Listen, attach, and only then start, so that no event and no line is missed."""
    client, socket = launch.client, launch.socket
    with closing(ContainerEvents(socket, container, since=since)) as events:
        connection = socket.take_over(ATTACH.format(id=container))
        with closing(ContainerStream(connection, terminate=lambda: client.kill(container, "SIGTERM"))) as stream:
            running = RunningContainer(client, container, stream=stream, events=events, engine=socket)
            started = time.monotonic()
            with translated(job):
                client.start(container)
            try:
                overdue = watch(running)
            except EngineDiedError:
                _end_without_engine(container)
                raise
            seconds = time.monotonic() - started
        events.removed.wait(defaults().stop_kill)
        exit_code = KILLED if events.exit_code is None else events.exit_code
        if exit_code == TERMINATED and not overdue and events.ended.wait(defaults().stop_shutdown):
            raise EngineDiedError(
                "the Docker engine was stopped while the job ran, and ended the job",
                hint="start Docker again and run the same command",
            )
        return Ended(exit_code=exit_code, seconds=seconds, out_of_memory=events.out_of_memory, overdue=overdue)


def _end_without_engine(container: str) -> None:
    """A container outlives an engine that was killed, and its leash does not notice: end its processes ourselves."""
    find = partial(leftovers.of_container, container)
    leftovers.ask_to_stop(find())
    leftovers.end(find, patience=defaults().stop_keeper)


def _unix_time(stamp: str) -> int:
    """Whole seconds of a time as the engine writes it: RFC 3339 in UTC with nanoseconds."""
    return int(datetime.fromisoformat(f"{stamp[:19]}+00:00").timestamp())


def _mounts(job: Job, guest: Path) -> list[Any]:
    from docker.types import Mount

    folders = [(f"{FOLDER}/{one.name}", str(one.source.resolve()), one.read_only) for one in job.mounts]
    return [
        Mount(target=target, source=source, type="bind", read_only=read_only)
        for target, source, read_only in [*folders, (GUEST, str(guest.resolve()), True)]
    ]


def _device_requests(gpus: tuple[str, ...]) -> list[Any]:
    from docker.types import DeviceRequest

    return [DeviceRequest(device_ids=list(gpus), capabilities=[["gpu"]])] if gpus else []
