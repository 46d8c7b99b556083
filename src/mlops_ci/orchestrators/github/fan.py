"""A job that runs once for each of a list that plan hands on: its name, and the matrix."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_ci.orchestrators import fanning, spreading
from mlops_ci.orchestrators.github.expressions import NOWHERE, expression
from mlops_ci.orchestrators.jobs import Fan, Job
from mlops_ci.orchestrators.yaml_text import comment, pair, section

# The output of plan that holds the matrix.
OUTPUT: Mapping[Fan, str] = {"node": "nodes", "variant": "variants"}
WHY_ALL: Mapping[Fan, str] = {
    "node": "What is wrong with one machine says nothing about another.",
    "variant": "What is wrong with one build of PyTorch says nothing about another.",
}
WHENCE: Mapping[Fan, str] = {
    "node": "Plan made it of `nodes`, and leaves this job out when that names no machine.",
    "variant": "Plan made it of [image] variants: the build of the run itself, and each further one.",
}


def name(job: Job) -> str:
    """The job's name, with that of its cell behind it."""
    return expression(f"matrix.{job.fans} && format('{job.name} ({{0}})', matrix.{job.fans}) || '{job.name}'")


def strategy(job: Job) -> list[str]:
    """The matrix. An empty one never gets here: plan leaves the job out then, and says why."""
    alone = fanning.matrix(None, (NOWHERE,)) if job.fans == "node" else spreading.matrix(())
    return section(
        "strategy",
        [
            *comment(WHY_ALL[job.fans]),
            *pair("fail-fast", False),
            *comment(WHENCE[job.fans]),
            *pair("matrix", expression(f"fromJSON(needs.plan.outputs.{OUTPUT[job.fans]} || '{alone}')")),
        ],
    )
