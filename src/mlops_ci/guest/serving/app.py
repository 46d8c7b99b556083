"""Requests to answers, without a network: what the server says, and when."""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional

from mlops_ci.guest.serving.compare import differences
from mlops_ci.guest.serving.config import Service
from mlops_ci.guest.serving.loading import Predict
from mlops_ci.guest.serving.metrics import CONTENT_TYPE, Metrics
from mlops_ci.guest.serving.request import RefusedError, parse
from mlops_ci.guest.serving.slots import BusyError, Slots, TooLateError

METHODS = {"/predict": "POST", "/health": "GET", "/health/live": "GET", "/metrics": "GET"}
SHOWN = 3
JSON = "application/json"


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def told(status: int, value: Any, headers: Optional[Mapping[str, str]] = None) -> Reply:
    """An answer in JSON. A number that is not finite raises `ValueError`: JSON has none."""
    body = (json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n").encode()
    return Reply(status, body, headers=headers or {})


def error(status: int, why: str, headers: Optional[Mapping[str, str]] = None) -> Reply:
    """An answer that says why there is none."""
    return told(status, {"error": why}, headers)


class App:
    """One model. It is ready once it is loaded and has answered its recorded example as it did when it was trained."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.metrics = Metrics(service.model)
        self._slots = Slots(service.limits.workers, service.limits.queue)
        self._predict: Optional[Predict] = None
        self._device = ""
        self._example = "unknown"
        self._wrong: List[str] = []
        self._draining = threading.Event()

    @property
    def ready(self) -> bool:
        """Whether it takes requests."""
        return self._predict is not None and not self._wrong and not self._draining.is_set()

    def serve(self, predict: Predict, device: str) -> None:
        """The model is loaded: from now on it answers, if it answers its own example right."""
        self._device = device
        self._wrong, self._example = self._checked(predict)
        self._predict = predict

    def drain(self) -> None:
        """Take nothing new."""
        self._draining.set()

    @property
    def under_way(self) -> int:
        """Requests that are not answered yet."""
        return self._slots.busy + self._slots.waiting

    def handle(self, method: str, path: str, body: bytes) -> Reply:
        """Answer a request, whatever happens."""
        place = path.partition("?")[0]
        known = place if place in METHODS else "other"
        reply = self._answer(method, place, body)
        self.metrics.request(known, reply.status)
        return reply

    def _answer(self, method: str, path: str, body: bytes) -> Reply:
        allowed = METHODS.get(path)
        if allowed is None:
            return error(404, f"there is no {path}: {', '.join(METHODS)}")
        if method != allowed:
            return error(405, f"{path} takes {allowed}", {"Allow": allowed})
        if path == "/predict":
            return self._prediction(body)
        if path == "/metrics":
            text = self.metrics.text(ready=self.ready, busy=self._slots.busy, waiting=self._slots.waiting)
            return Reply(200, text.encode(), CONTENT_TYPE)
        return told(200 if self.ready or path == "/health/live" else 503, self._health())

    def _health(self) -> Dict[str, Any]:
        status = "draining" if self._draining.is_set() else "ready" if self.ready else "loading"
        return {
            "status": "wrong" if self._wrong else status,
            "live": True,
            "ready": self.ready,
            "model": dict(self.service.model),
            "device": self._device,
            "example": self._example,
            **({"differences": self._wrong[:SHOWN]} if self._wrong else {}),
        }

    def _prediction(self, body: bytes) -> Reply:
        predict = self._predict
        if predict is None or not self.ready:
            return error(503, f"not ready: {self._health()['status']}", {"Retry-After": "5"})
        limits = self.service.limits
        try:
            inputs = parse(body, limits)
            outputs = self._slots.run(lambda: self._timed(predict, inputs), limits.timeout)
            return told(200, {"outputs": outputs, "model": dict(self.service.model)})
        except RefusedError as refused:
            return error(refused.status, refused.why)
        except BusyError:
            return error(503, f"all {limits.workers + limits.queue} places are taken", {"Retry-After": "1"})
        except TooLateError:
            return error(504, f"the model did not answer within {limits.timeout:g} s")
        except Exception:
            # What went wrong is for who runs the server, not for who asks it.
            traceback.print_exc(file=sys.stderr)
            return error(500, "the model could not answer; the server's log says why")

    def _timed(self, predict: Predict, inputs: List[Any]) -> List[Any]:
        began = time.monotonic()
        outputs = predict(inputs)
        if len(outputs) != len(inputs):
            raise TypeError(f"{len(inputs)} examples went in and {len(outputs)} outputs came out")
        self.metrics.prediction(time.monotonic() - began, len(inputs))
        return outputs

    def _checked(self, predict: Predict) -> tuple[List[str], str]:
        """What is wrong with the answer to the recorded example, and how that went in a word."""
        example = self.service.example
        if example is None:
            return [], "none"
        try:
            given = json.loads(json.dumps(predict(example.inputs)))
        except Exception as failure:
            traceback.print_exc(file=sys.stderr)
            return [f"the model cannot answer its recorded example: {type(failure).__name__}: {failure}"], "failed"
        if example.outputs is None:
            return [], "answered"
        wrong = differences(given, example.outputs, example.tolerance)
        return wrong, "differs" if wrong else "as recorded"
