"""Jobs that plan spreads over builds of PyTorch: the file's own, and beside it those of `[image] variants`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from mlops_ci.orchestrators.jobs import Job

# The files that make or scan images and do nothing in them; the variable by which plan knows that it is in one.
FILES = ("build", "scan")
VARIABLE = "MLOPS_CI_SPREADS"
# What of such a file is done for each build.
STAGES = frozenset({"build", "scan"})


def spread(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """The jobs of a file of which those for images run once for each build."""
    return tuple(replace(job, fans="variant") if STAGES & set(job.stages) else job for job in jobs)


def matrix(variants: Sequence[str]) -> str:
    """GitHub's matrix as JSON: the build of the run itself, which has no name there, and each further one."""
    return json.dumps({"include": [{"variant": name} for name in ("", *variants)]})
