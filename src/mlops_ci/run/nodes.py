"""The machines that a run looked at, each in a job of its own: what their records say, beside those of the run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlops_ci.records.record import Record
from mlops_ci.run.run import Run

# A folder for each node below the run's own, and what the name of one may be.
NODES = "nodes"
NODE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a node's job has left: its records by stage, none where it left nothing."""

    name: str
    records: Mapping[str, Record]

    @property
    def failed(self) -> Record | None:
        """The first stage that failed there."""
        return next((one for one in self.records.values() if one.status == "failed"), None)

    @property
    def verdict(self) -> str | None:
        """What its health check said."""
        verify = self.records.get("verify")
        return verify.outputs.get("verdict") if verify is not None else None

    @property
    def result(self) -> str:
        """`passed`, `failed`, or `lost` where its job has left nothing."""
        return "failed" if self.failed is not None else "passed" if self.records else "lost"

    @property
    def why(self) -> str:
        """Why it is not `passed`."""
        if (failed := self.failed) is not None:
            return failed.error.cause if failed.error else failed.reason
        return "" if self.records else "its job has left nothing"


def looked(run: Run) -> tuple[Looked, ...]:
    """Each node that plan named, in its order; none where the run has no list of them."""
    plan = run.record("plan")
    named = (plan.outputs.get("nodes") if plan is not None else None) or {}
    return tuple(Looked(name=name, records=_of(run, name)) for name in named)


def _of(run: Run, name: str) -> Mapping[str, Record]:
    return replace(run, folder=run.path(NODES, name)).records()
