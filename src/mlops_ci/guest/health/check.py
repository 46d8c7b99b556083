"""One check's result, and the verdict over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from mlops_ci.guest import exits

if TYPE_CHECKING:
    from mlops_ci.guest.classify import Verdict

PASS, WARN, BLOCK, SKIP = "PASS", "WARN", "BLOCK", "SKIP"

Value = Union[str, float, int, bool, None]


@dataclass(frozen=True)
class Check:
    """`status`: PASS, WARN (may train), BLOCK (must not train), SKIP (could not be observed, never a pass).

    `node` says for a BLOCK that this node is at fault, so that another may do; else the configuration or the image is.
    `evidence` is what was read, where it is more than the value; `uuid` the GPU that the finding is about.
    """

    id: str
    status: str
    value: Value = None
    limit: Value = None
    unit: str = ""
    cause: str = ""
    advice: str = ""
    node: bool = False
    evidence: str = ""
    uuid: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it stands in the outcome."""
        return {
            "id": self.id,
            "status": self.status,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "cause": self.cause,
            "advice": self.advice,
            "node": self.node,
            "evidence": self.evidence,
            "uuid": self.uuid,
        }


def check_of(row: Mapping[str, Any]) -> Check:
    """The check that was written with `as_json`; raises `KeyError` or `TypeError` for anything else."""
    return Check(**{**row, "id": str(row["id"]), "status": str(row["status"])})


def health_of(checks: Sequence[Check], *, gpus: int) -> str:
    """`unhealthy` with any BLOCK; without a GPU asked for, `cpu-only`; else `degraded` with any WARN, or `healthy`."""
    if any(check.status == BLOCK for check in checks):
        return "unhealthy"
    if gpus == 0:
        return "cpu-only"
    return "degraded" if any(check.status == WARN for check in checks) else "healthy"


def verdict_of(checks: Sequence[Check]) -> Verdict:
    """The class and exit code: 3 where another node would not help, 11 where this node is at fault, else 0."""
    # The processes that examine only find; the supervision that this brings along is not theirs.
    from mlops_ci.guest.classify import Verdict

    blocks = [check for check in checks if check.status == BLOCK]
    if not blocks:
        return Verdict("ok", exits.OK, "", "")
    configured = [check for check in blocks if not check.node]
    first = (configured or blocks)[0]
    more = f" (and {len(blocks) - 1} more)" if len(blocks) > 1 else ""
    name, code = ("not-usable", exits.MISSING) if configured else ("unhealthy", exits.UNHEALTHY)
    return Verdict(name, code, f"{first.id}: {first.cause}{more}", first.advice)
