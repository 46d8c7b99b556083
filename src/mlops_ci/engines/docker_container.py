"""The container of a job as the engine's API wants it: who, what, with which limits, and nothing more than that."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.engines.base import Job
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.docker_identity import Identity
from mlops_ci.engines.environment import thread_limits
from mlops_ci.engines.owner import Owner
from mlops_ci.guest import layout

FOLDER = "/mlops"
GUEST = f"{FOLDER}/guest.pyz"
LABEL = "io.mlops-ci"
OWNER_LABEL = f"{LABEL}.owner"


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What of this engine and this run goes into a container: who it is, the leased GPUs, and the cores there are."""

    identity: Identity
    gpus: tuple[str, ...]
    cores: int


def paths_of(job: Job) -> dict[str, str]:
    """Where the job sees its mounts."""
    return {mount.name: f"{FOLDER}/{mount.name}" for mount in job.mounts}


def name_of(job: Job) -> str:
    """A name that people recognise and that no other container has."""
    plain = re.sub(r"[^a-zA-Z0-9_.-]+", "-", f"{job.run}-{job.stage}")
    return f"mlops-ci-{plain}-{secrets.token_hex(4)}"


def labels_of(job: Job) -> dict[str, str]:
    """By these a later run finds what this one left behind."""
    return {f"{LABEL}.run": job.run, f"{LABEL}.stage": job.stage, OWNER_LABEL: Owner.current().text()}


def environment_of(job: Job, gpus: tuple[str, ...]) -> dict[str, str]:
    """What the container gets on top of the image's own environment: nothing of this machine's."""
    environment = {**thread_limits(job.limits), **job.environment}
    if not gpus:
        # CUDA base images ask for all devices, which an engine with NVIDIA's runtime as default would grant.
        environment["NVIDIA_VISIBLE_DEVICES"] = "void"
    return environment


def container_options(job: Job, confinement: Confinement, host_config: Any) -> dict[str, Any]:
    """The arguments of docker-py's `create_container`."""
    return {
        "image": job.ref,
        "entrypoint": ["python3", GUEST],
        "command": ["run", f"{FOLDER}/job/{layout.TASK}"],
        "name": name_of(job),
        "user": confinement.identity.user,
        "environment": environment_of(job, confinement.gpus),
        "labels": labels_of(job),
        "stdin_open": True,
        "tty": False,
        # The image's own check is for its own program; a job is watched by us, and must not be disturbed.
        "healthcheck": {"Test": ["NONE"]},
        "host_config": host_config,
        # Proxies come from the job's own environment, never from a file in somebody's home.
        "use_config_proxy": False,
    }


def host_options(job: Job, confinement: Confinement) -> Mapping[str, Any]:
    """The arguments of docker-py's `create_host_config`, but for mounts and devices, which are types of the library."""
    limits = job.limits
    settings = defaults()
    options: dict[str, Any] = {
        "network_mode": "bridge" if job.network else "none",
        "read_only": True,
        # PyTorch's compilers load what they build from there, so programs must be allowed.
        "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={settings.container_tmp_bytes},mode=1777"},  # noqa: S108
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": limits.pids,
        "shm_size": limits.shm_bytes,
        "init": True,
        "auto_remove": True,
        # Its output comes to us; a copy in the engine's own files would fill the disk unseen.
        "log_config": {"Type": "none", "Config": {}},
    }
    if limits.memory_bytes is not None:
        # The same limit with swap: a job that swaps is a job that stalls.
        options |= {"mem_limit": limits.memory_bytes, "memswap_limit": limits.memory_bytes}
    if limits.cpus is not None:
        options["nano_cpus"] = int(min(limits.cpus, confinement.cores) * 1e9)
    if confinement.identity.userns_mode is not None:
        options["userns_mode"] = confinement.identity.userns_mode
    return options
