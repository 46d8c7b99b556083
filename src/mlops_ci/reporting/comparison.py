"""The new model's metrics beside the champion's."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlops_ci.reporting.data import ReportData


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric: `champion` as it was recorded when that version was published, None when it has none."""

    name: str
    challenger: float | None
    champion: float | None
    decides: bool = False
    same_data: bool = True

    @property
    def broken(self) -> bool:
        """Whether this run's value is not finite."""
        return self.challenger is not None and not math.isfinite(self.challenger)

    @property
    def change(self) -> float | None:
        """Challenger minus champion, in the metric's unit; None where they were scored on different data."""
        if self.challenger is None or self.champion is None or not self.same_data:
            return None
        change = self.challenger - self.champion
        return change if math.isfinite(change) else None


def metric_rows(data: ReportData) -> tuple[MetricRow, ...]:
    """The evaluation's metrics, else the training's last ones; the deciding one first."""
    evaluate, train = data.outputs.evaluate, data.outputs.train
    if evaluate is None:
        values = train.metrics if train else {series.name: series.last for series in data.metrics}
        return tuple(MetricRow(name=name, challenger=value, champion=None) for name, value in values.items())
    theirs = evaluate.champion.metrics if evaluate.champion else {}
    same = same_data(data)
    deciding = {gate.id.partition(".")[2] for gate in evaluate.gates}
    rows = [
        MetricRow(name=name, challenger=value, champion=theirs.get(name), decides=name in deciding, same_data=same)
        for name, value in evaluate.metrics.items()
    ]
    return tuple(sorted(rows, key=lambda row: not row.decides))


def same_data(data: ReportData) -> bool:
    """Whether the champion's recorded figures are from the data of this run; also when neither was given any."""
    evaluate, prepare = data.outputs.evaluate, data.outputs.prepare
    own = prepare.data_digest if prepare else None
    return evaluate is not None and evaluate.champion is not None and evaluate.champion.data_digest == own
