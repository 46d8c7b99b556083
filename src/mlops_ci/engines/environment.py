"""The environment that a guest starts with: what it needs of this machine's, and the job's own."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

from mlops_ci.engines.base import Job, Limits
from mlops_ci.engines.defaults import defaults
from mlops_ci.network import PROXY_NAMES

MARKER = "MLOPS_CI_JOB"


def thread_limits(limits: Limits) -> dict[str, str]:
    """OpenMP, MKL and PyTorch start one thread per core of the machine unless told how many the job has."""
    return {} if limits.cpus is None else {"OMP_NUM_THREADS": str(max(1, math.floor(limits.cpus)))}


def local_environment(
    job: Job,
    *,
    marker: str,
    path: str,
    gpus: tuple[str, ...],
    inherited: Mapping[str, str],
    prefixes: tuple[str, ...] = (),
) -> dict[str, str]:
    """What a guest that is a process of this machine gets.

    Of `inherited` only the listed names and `prefixes`, proxies and CA bundles; then the job's own variables. `marker`
    names the job in every process that it starts; `gpus` are the only devices that CUDA shows it.
    """
    names = {*defaults().host_passed, *PROXY_NAMES}
    environment = {
        name: value for name, value in inherited.items() if name in names or (prefixes and name.startswith(prefixes))
    }
    environment.setdefault("LANG", "C.UTF-8")
    environment |= {"PATH": path, "PYTHONNOUSERSITE": "1", **thread_limits(job.limits), **job.environment}
    return {**environment, "CUDA_VISIBLE_DEVICES": ",".join(gpus), MARKER: marker}


def search_path(first: str, inherited: str | None = None) -> str:
    """PATH with the environment's own programs first."""
    return os.pathsep.join([first, inherited or defaults().host_path])
