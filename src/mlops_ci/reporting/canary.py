"""A night's canary beside the night itself: in a line, and metric by metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlops_ci.reporting.comparison import metric_rows
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import number, one_line


@dataclass(frozen=True, kw_only=True)
class CanaryRow:
    """One metric of three models; None where one has none."""

    name: str
    canary: float | None
    night: float | None
    champion: float | None
    decides: bool = False

    @property
    def change(self) -> float | None:
        """Canary minus night."""
        if self.canary is None or self.night is None:
            return None
        change = self.canary - self.night
        return change if math.isfinite(change) else None


def canary_rows(data: ReportData) -> tuple[CanaryRow, ...]:
    """The canary's metrics and the night's, the deciding one first."""
    out = data.outputs.canary
    if out is None or not out.metrics:
        return ()
    theirs = out.champion.metrics if out.champion else {}
    own = metric_rows(data)
    deciding = {row.name for row in own if row.decides}
    names = dict.fromkeys(
        [*(row.name for row in own if row.name in out.metrics or row.name in out.night), *out.metrics]
    )
    rows = [
        CanaryRow(
            name=name,
            canary=out.metrics.get(name),
            night=out.night.get(name),
            champion=theirs.get(name),
            decides=name in deciding,
        )
        for name in names
    ]
    return tuple(sorted(rows, key=lambda row: not row.decides))


def canary_word(data: ReportData) -> str:
    """Its verdict in one word: `promote`, `keep`, `failed` ..."""
    record, out = data.canary, data.outputs.canary
    if record is None:
        return ""
    if record.status != "passed" or out is None or out.verdict is None:
        return record.status
    return out.verdict


def canary_line(data: ReportData) -> str:
    """What a person needs of it in one line; empty where no canary ran."""
    record, out = data.canary, data.outputs.canary
    if record is None:
        return ""
    name = f"[mode.{out.overlay}] " if out is not None else ""
    if record.error is not None:
        where = f" in {out.stage}" if out is not None and out.stage else ""
        kind = f"{record.error.class_}, exit {record.exit_code}"
        return one_line(f"{name}failed{where} ({kind}): {record.error.cause}", 300)
    if record.status != "passed":
        return one_line(f"{name}{record.status}: {record.reason}", 300)
    shown = next(iter(canary_rows(data)), None)
    if shown is None:
        return one_line(f"{name}{canary_word(data)}", 300)
    beside = f" ({shown.change:+.3g} to the night's)" if shown.change is not None else ""
    return one_line(f"{name}{canary_word(data)}: {shown.name} {number(shown.canary)}{beside}", 300)
