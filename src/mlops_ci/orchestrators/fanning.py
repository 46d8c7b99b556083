"""A job that plan spreads over a list of machines: the list, and the matrix that GitHub makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.labels import RunnerLabelError, labels

# The list as the caller writes it, and in a job of the matrix the node that it is for.
VARIABLE, CELL = "MLOPS_CI_NODES", "MLOPS_CI_NODE"
# The file whose job looks at machines.
FILE = "verify"
WHERE = "the input `nodes`"
EMPTY = f"{WHERE} is an empty list: there is no machine to look at"
# What a label may have in it that a name of an artifact, a file or a job must not.
UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
# GitHub makes no more jobs of one matrix.
MOST = 256

Nodes = Mapping[str, tuple[str, ...]]


def fanned(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """The jobs of a file of which the one with a GPU runs once for each node."""
    return tuple(replace(job, fans="node") if job.runner == "gpu" else job for job in jobs)


def nodes(text: str) -> Nodes | None:
    """Name of a node to the labels of its runner; None where no list is given. Raises `RunnerLabelError`."""
    if not text.strip():
        return None
    hint = 'write a JSON list with one entry for each machine: ["gpu-01", ["self-hosted", "gpu-02"]]'
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise RunnerLabelError(f"{WHERE} is {text!r}, and no JSON: {error}", hint=hint) from error
    if not isinstance(entries, list) or not all(isinstance(one, str | list) for one in entries):
        raise RunnerLabelError(f"{WHERE} is {text!r}: not a list of labels", hint=hint)
    if len(entries) > MOST:
        raise RunnerLabelError(f"{WHERE} names {len(entries)} machines: GitHub takes {MOST}", hint="call it twice")
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        own = labels(entry if isinstance(entry, str) else json.dumps(entry), where=f"an entry of {WHERE}")
        name = UNFIT.sub("-", "-".join(own)).strip("-")
        if not name or name in found:
            what = "has no letter or digit" if not name else f"names {name} twice"
            raise RunnerLabelError(f"{WHERE} is {text!r}: it {what}", hint="its machines need labels that differ")
        found[name] = own
    return found


def matrix(found: Nodes | None, gpu: tuple[str, ...]) -> str:
    """GitHub's matrix as JSON: one job for each node; without a list the one job that there always is."""
    cells = {"": gpu} if found is None else found
    return json.dumps({"include": [{"node": name, "labels": json.dumps(own)} for name, own in cells.items()]})
