"""What a server counts, in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

import threading
from typing import Dict, Iterator, List, Mapping, Tuple

# Seconds; prometheus.io, "Histograms": the default buckets of its client libraries.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one process; safe to use from many threads."""

    def __init__(self, model: Mapping[str, str]) -> None:
        self._model = dict(model)
        self._lock = threading.Lock()
        self._requests: Dict[Tuple[str, int], int] = {}
        self._buckets = [0] * len(BUCKETS)
        self._seconds = 0.0
        self._predicted = 0
        self._examples = 0

    def request(self, path: str, status: int) -> None:
        """An answer was given."""
        with self._lock:
            self._requests[path, status] = self._requests.get((path, status), 0) + 1

    def prediction(self, seconds: float, examples: int) -> None:
        """The model has answered."""
        with self._lock:
            self._predicted += 1
            self._examples += examples
            self._seconds += seconds
            for index, bound in enumerate(BUCKETS):
                self._buckets[index] += seconds <= bound

    def text(self, *, ready: bool, busy: int, waiting: int) -> str:
        """All of them."""
        with self._lock:
            return "\n".join(self._lines(ready, busy, waiting)) + "\n"

    def _lines(self, ready: bool, busy: int, waiting: int) -> Iterator[str]:
        listed = sorted(self._requests.items())
        rows = [(f'path="{path}",code="{code}"', count) for (path, code), count in listed]
        yield from _metric("mlops_serve_requests_total", "counter", "Requests that were answered.", rows)
        errors = [(f'path="{path}",code="{code}"', count) for (path, code), count in listed if code >= 500]
        yield from _metric("mlops_serve_errors_total", "counter", "Answers that are the server's failure.", errors)
        yield "# HELP mlops_serve_prediction_seconds Time that the model took for a request."
        yield "# TYPE mlops_serve_prediction_seconds histogram"
        for index, bound in enumerate(BUCKETS):
            yield f'mlops_serve_prediction_seconds_bucket{{le="{bound}"}} {self._buckets[index]}'
        yield f'mlops_serve_prediction_seconds_bucket{{le="+Inf"}} {self._predicted}'
        yield f"mlops_serve_prediction_seconds_sum {self._seconds:.6f}"
        yield f"mlops_serve_prediction_seconds_count {self._predicted}"
        yield from _metric(
            "mlops_serve_examples_total", "counter", "Examples that were predicted.", [("", self._examples)]
        )
        yield from _metric("mlops_serve_busy", "gauge", "Requests that the model works on.", [("", busy)])
        yield from _metric("mlops_serve_waiting", "gauge", "Requests that wait for it.", [("", waiting)])
        yield from _metric("mlops_serve_ready", "gauge", "Whether it takes requests.", [("", int(ready))])
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(self._model.items()))
        yield from _metric("mlops_serve_model_info", "gauge", "Which model this is.", [(labels, 1)])


def _metric(name: str, kind: str, about: str, rows: List[Tuple[str, int]]) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    for labels, value in rows:
        yield f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
