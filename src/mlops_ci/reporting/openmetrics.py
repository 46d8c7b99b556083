"""The run's numbers in the OpenMetrics text format: GitLab shows in a merge request how they differ from its target's.

Only what says something of the model or the images: times differ from run to run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import one_line

Sample = tuple[str, str, float]


def openmetrics(data: ReportData) -> str:
    """The text; a value that is no number is left out."""
    lines: list[str] = []
    for name, label, value in _samples(data):
        if math.isfinite(value):
            lines.append(f"mlops_ci_{name}{{{label}}} {value!r}" if label else f"mlops_ci_{name} {value!r}")
    return "\n".join([*lines, "# EOF"]) + "\n"


def _samples(data: ReportData) -> Iterator[Sample]:
    outputs = data.outputs
    if outputs.evaluate is not None:
        for name, value in sorted(outputs.evaluate.metrics.items()):
            yield "metric", _label("name", name), float(value)
    elif outputs.train is not None:
        for name, value in sorted(outputs.train.metrics.items()):
            yield "training_metric", _label("name", name), float(value)
    if outputs.scan is not None:
        for severity, found in sorted(outputs.scan.findings.items()):
            yield "findings", _label("severity", severity), found.total
            yield "findings_fixable", _label("severity", severity), found.fixable
    if outputs.build is not None:
        for layer, image in sorted(outputs.build.images.items()):
            yield "image_bytes", _label("layer", layer), image.bytes
    if outputs.train is not None:
        yield "model_bytes", "", sum(file.bytes for file in outputs.train.model)


def _label(name: str, value: str) -> str:
    """A label; backslashes and quotes are escaped as the format says."""
    text = one_line(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{text}"'
