"""What a serving image must show before it is anybody's: asked over HTTP, as its clients will ask."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from mlops_ci.deploying.container import Answer
from mlops_ci.guest.serving.compare import differences
from mlops_ci.guest.serving.config import Example, Service
from mlops_ci.records.deploy import SmokeCheck

TICK = 0.3
SHOWN = 3
# What a broken request looks like, and what the server must say to it.
BAD_REQUESTS = (("{", 400), ('{"input": [1]}', 422), ('{"inputs": []}', 422))
COUNTED = "mlops_serve_prediction_seconds_count"


class Serving(Protocol):
    """A server that runs somewhere; `deploying.container.Container` is one."""

    def ask(self, method: str, path: str, body: str | None = None, *, timeout: float = 10.0) -> Answer:
        """One request."""

    def ended(self) -> int | None:
        """Its exit code, or None while it runs."""

    def stop(self, grace: float) -> int | None:
        """Ask it to end; its exit code, or None when it had to be killed."""


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """How it went. `ended`: the server ended by itself, with this exit code."""

    checks: tuple[SmokeCheck, ...]
    device: str = ""
    ready_seconds: float = 0.0
    ended: int | None = None

    @property
    def failed(self) -> SmokeCheck | None:
        """The first check that failed."""
        return next((one for one in self.checks if one.status == "FAIL"), None)


def smoke_test(
    serving: Serving, service: Service, *, limit: float, clock: Callable[[], float] = time.monotonic
) -> Smoke:
    """Wait until it is ready, ask what a client asks, and end it politely. What fails first ends the test."""
    began = clock()
    health, answer = _ready(serving, began + limit, clock)
    seconds = round(clock() - began, 3)
    told = answer.json() if answer is not None else None
    device = str(told.get("device", "")) if isinstance(told, dict) else ""
    checks = [health]
    if health.status == "PASS":
        for check in _asked(serving, service):
            checks.append(check)
            if check.status == "FAIL":
                break
        else:
            checks.append(_stopped(serving, service.limits.drain))
    ended = serving.ended() if health.status == "FAIL" else None
    return Smoke(checks=tuple(checks), device=device, ready_seconds=seconds, ended=ended)


def _ready(serving: Serving, deadline: float, clock: Callable[[], float]) -> tuple[SmokeCheck, Answer | None]:
    """Poll `/health`. A model that does not give what was recorded never becomes ready: that is said at once."""
    last = Answer(status=0, body="nothing was asked")
    while clock() < deadline:
        code = serving.ended()
        if code is not None:
            return _failed("health", f"the server ended with exit code {code} before it was ready"), None
        last = serving.ask("GET", "/health")
        told = last.json()
        if last.status == 200:
            return SmokeCheck(id="health", status="PASS", why=f"ready, example {told['example']}"), last
        if isinstance(told, dict) and told.get("status") == "wrong":
            return _failed("health", f"the recorded example: {'; '.join(told.get('differences', ()))}"), last
        time.sleep(TICK)
    return _failed("health", f"it was not ready in time: {last.body.strip()[:200]}"), None


def _asked(serving: Serving, service: Service) -> Iterator[SmokeCheck]:
    example = service.example
    if example is not None:
        yield _predicted(serving, service, example)
    yield _refused(serving)
    yield _counted(serving, service)


def _predicted(serving: Serving, service: Service, example: Example) -> SmokeCheck:
    body = json.dumps({"inputs": example.inputs})
    answer = serving.ask("POST", "/predict", body, timeout=service.limits.timeout + 5)
    told = answer.json()
    outputs = told.get("outputs") if isinstance(told, dict) else None
    if answer.status != 200 or not isinstance(outputs, list):
        return _failed("predict", f"answered {answer.status or 'nothing'}: {answer.body.strip()[:300]}")
    if len(outputs) != len(example.inputs):
        return _failed("predict", f"{len(example.inputs)} examples went in and {len(outputs)} outputs came out")
    if example.outputs is None:
        return SmokeCheck(id="predict", status="SKIP", why="answered; no expected output was recorded")
    wrong = differences(outputs, example.outputs, example.tolerance)
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        return _failed("predict", f"not as recorded: {'; '.join(wrong[:SHOWN])}{more}")
    count = len(outputs)
    return SmokeCheck(id="predict", status="PASS", why=f"{count} outputs as recorded (tolerance {example.tolerance:g})")


def _refused(serving: Serving) -> SmokeCheck:
    for body, expected in BAD_REQUESTS:
        answer = serving.ask("POST", "/predict", body)
        told = answer.json()
        if answer.status != expected or not (isinstance(told, dict) and told.get("error")):
            return _failed("refuse", f"to {body} it said {answer.status}: {answer.body.strip()[:200]}")
    return SmokeCheck(id="refuse", status="PASS", why="what is no request gets 400 or 422, and why")


def _counted(serving: Serving, service: Service) -> SmokeCheck:
    answer = serving.ask("GET", "/metrics")
    lines = answer.body.splitlines()
    counts = [line.split()[-1] for line in lines if line.startswith(COUNTED)]
    named = any(f'version="{service.model.get("version", "")}"' in line for line in lines if "model_info" in line)
    asked = service.example is None or counts not in ([], ["0"])
    if answer.status == 200 and counts and asked and named:
        return SmokeCheck(id="metrics", status="PASS", why="predictions are counted, the model is named")
    return _failed("metrics", f"answered {answer.status}: predictions {counts}, model {'' if named else 'not '}named")


def _stopped(serving: Serving, grace: float) -> SmokeCheck:
    began = time.monotonic()
    code = serving.stop(grace)
    if code == 0:
        return SmokeCheck(id="stop", status="PASS", why=f"ended {time.monotonic() - began:.1f} s after SIGTERM")
    return _failed("stop", "it did not end when it was asked to" if code is None else f"ended with exit code {code}")


def _failed(name: str, why: str) -> SmokeCheck:
    return SmokeCheck(id=name, status="FAIL", why=why)
