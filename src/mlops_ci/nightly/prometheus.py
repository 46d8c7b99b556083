"""The schedule's state in Prometheus' text format, for the node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from mlops_ci.nightly.stamps import Memory
from mlops_ci.nightly.status import STATES, Status
from mlops_ci.run.clock import parse

PREFIX = "mlops_ci_nightly_"
UNKNOWN = "unknown"
HELP: Mapping[str, str] = {
    "state": "1 for the state that the schedule is in; unknown: the store could not be asked",
    "checked_timestamp_seconds": "when the state was judged",
    "expected_timestamp_seconds": "when the newest run that is due had to start",
    "next_timestamp_seconds": "when the next run has to start",
    "last_start_timestamp_seconds": "when a run started last",
    "last_end_timestamp_seconds": "when a run ended last",
    "last_success_timestamp_seconds": "when a run that trained ended well last",
    "last_exit_code": "exit code of the run that ended last",
}


def text(project: str, mode: str, status: Status | None, memory: Memory, now: datetime) -> str:
    """All metrics; without a `status` the state is `unknown` and only what is known stands there."""
    labels = {"project": project, "mode": mode}
    values: dict[str, str | None] = {
        "checked_timestamp_seconds": now.isoformat(),
        "expected_timestamp_seconds": status.expected_at if status else None,
        "next_timestamp_seconds": status.next_at if status else None,
        "last_start_timestamp_seconds": memory.started.at if memory.started else None,
        "last_end_timestamp_seconds": memory.ended.at if memory.ended else None,
        "last_success_timestamp_seconds": memory.succeeded.at if memory.succeeded else None,
    }
    state = status.state if status else UNKNOWN
    lines = [*_head("state")]
    lines += [_sample("state", {**labels, "state": one}, int(one == state)) for one in (*STATES, UNKNOWN)]
    for name, moment in values.items():
        if moment is not None:
            lines += [*_head(name), _sample(name, labels, parse(moment).timestamp())]
    if memory.ended is not None:
        lines += [*_head("last_exit_code"), _sample("last_exit_code", labels, memory.ended.exit_code)]
    return "\n".join(lines) + "\n"


def _head(name: str) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {HELP[name]}"
    yield f"# TYPE {PREFIX}{name} gauge"


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(one)}"' for key, one in labels.items())
    return f"{PREFIX}{name}{{{inside}}} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
