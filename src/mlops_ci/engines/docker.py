"""Jobs in containers: unprivileged, on a leash, gone when they end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlops_ci.console import Console
from mlops_ci.engines import jobfiles
from mlops_ci.engines.base import Job, JobResult, Person
from mlops_ci.engines.conversation import converse
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.docker_address import DockerHostError
from mlops_ci.engines.docker_client import open_client, remove_container
from mlops_ci.engines.docker_container import OWNER_LABEL, Confinement, paths_of
from mlops_ci.engines.docker_errors import check_readable, check_started
from mlops_ci.engines.docker_identity import Identity, identity
from mlops_ci.engines.docker_launch import Launch, run_container
from mlops_ci.engines.docker_running import RunningContainer
from mlops_ci.engines.docker_socket import DockerSocket, DockerUnreachableError
from mlops_ci.engines.guestfile import guest_file
from mlops_ci.engines.handover import handed_over, recover
from mlops_ci.engines.leases import leased_gpus
from mlops_ci.engines.owner import Owner
from mlops_ci.engines.supervise import supervise


class DockerEngine:
    """Containers of the engine at DOCKER_HOST. `project` is the folder that holds `.mlops`."""

    name = "docker"
    isolation = "containers: not root, read-only root file system, no capabilities, limited memory and processes"

    def __init__(self, *, project: Path, console: Console) -> None:
        self._console = console
        self._project = project
        self._journal = project / ".mlops" / "locks" / "lent"

    def available(self) -> str | None:
        """None when the engine answers and its client library is there."""
        try:
            self._socket.ping()
        except (DockerUnreachableError, DockerHostError) as error:
            return f"{error.cause}: {error.hint}"
        found = find_spec("docker")
        # A folder `docker` beside the caller's code looks like a package too, but one without an origin.
        if found is None or found.origin is None:
            where = self._socket.address.url
            return f'Docker answers at {where}, but its client library is missing: pip install "mlops-ci[docker]"'
        return None

    def gateway(self) -> str:
        """The address of this machine on the default bridge."""
        return self._socket.bridge_gateway()

    def run(self, job: Job, on_line: Callable[[str], None]) -> JobResult:
        """See `Engine.run`. The container sees the mounts, the guest, and of the environment only the job's own."""
        return self._run(job, lambda one: supervise(one, on_line, deadline=job.deadline, grace=jobfiles.grace_of(job)))

    def converse(self, job: Job, person: Person) -> JobResult:
        """See `Engine.converse`. The container is that of `run`: the terminal is made inside of it."""

        def watch(running: RunningContainer) -> bool:
            converse(running, person, grace=jobfiles.grace_of(job))
            return False

        return self._run(job, watch)

    def _run(self, job: Job, watch: Callable[[RunningContainer], bool]) -> JobResult:
        guest = guest_file(self._project)
        check_readable(job, self._identity.hand_over)
        with open_client(self._socket.address) as client, leased_gpus(job, self._console.say) as gpus:
            launch = Launch(
                client=client,
                socket=self._socket,
                guest=guest,
                confinement=Confinement(identity=self._identity, gpus=gpus, cores=int(self._info["NCPU"])),
                say=self._console.say,
            )
            jobfiles.write_task(job, paths_of(job))
            writable = [mount.source for mount in job.mounts if not mount.read_only]
            with handed_over(writable, uid=self._identity.hand_over, journal=self._journal):
                ended = run_container(launch, job, watch)
            reading = jobfiles.read_outcome(job)
        check_started(job, ended.exit_code, reading)
        return JobResult(
            exit_code=ended.exit_code,
            outcome=reading.outcome,
            seconds=ended.seconds,
            gpus=gpus,
            lost=jobfiles.lost_reason(job, ended.exit_code, reading, out_of_memory=ended.out_of_memory),
            out_of_memory=ended.out_of_memory,
            overdue=ended.overdue,
        )

    def sweep(self) -> int:
        """Remove containers of dead processes of ours, then take back the folders that they had been lent."""
        left = self._orphans()
        deadline = time.monotonic() + defaults().stop_keeper
        # Their leash is closed: they may be saving a checkpoint just now.
        while any(one["State"] == "running" for one in left) and time.monotonic() < deadline:
            time.sleep(0.2)
            left = self._orphans()
        if left:
            with open_client(self._socket.address) as client:
                for one in left:
                    remove_container(client, self._socket, one["Id"])
        return len(left) + recover(self._journal)

    def _orphans(self) -> list[dict[str, Any]]:
        """Our containers, in any state, whose owner has certainly died."""
        found = []
        for one in self._socket.containers(label=OWNER_LABEL):
            owner = Owner.parse(one["Labels"].get(OWNER_LABEL, ""))
            if owner is not None and owner.is_dead():
                found.append(one)
        return found

    @cached_property
    def _socket(self) -> DockerSocket:
        return DockerSocket()

    @cached_property
    def _info(self) -> dict[str, Any]:
        return self._socket.info()

    @cached_property
    def _identity(self) -> Identity:
        options = self._info.get("SecurityOptions") or ()
        return identity(os.getuid(), os.getgid(), security_options=options, stand_in=defaults().container_user)
