"""What a serving image must show: every answer that is not right ends the test, and says which one it was."""

from __future__ import annotations

import json

import pytest

from mlops_ci.deploying.container import Answer
from mlops_ci.deploying.smoke import smoke_test
from mlops_ci.guest.serving.app import App
from mlops_ci.guest.serving.config import Example, Service

EXAMPLE = Example(inputs=[1.0, 2.0], outputs=[2.0, 4.0])
MODEL = {"name": "m", "version": "7"}


class Running:
    """The real answers of a server, without a container; `said` replaces some of them."""

    def __init__(self, predict, service, *, code=None, stops=0, said=None):
        self.app = App(service)
        if predict is not None:
            self.app.serve(predict, "cpu")
        self.code, self.stops, self.said = code, stops, said or {}
        self.stopped = False

    def ask(self, method, path, body=None, *, timeout=10.0):
        if path.strip("/") in self.said:
            return self.said[path.strip("/")]
        reply = self.app.handle(method, path, (body or "").encode())
        return Answer(status=reply.status, body=reply.body.decode())

    def ended(self):
        return self.code

    def stop(self, grace):
        self.stopped = True
        return self.stops


def double(inputs):
    return [2 * one for one in inputs]


def run(predict=double, *, example=EXAMPLE, **how):
    service = Service(entry="serve.py:load", model=MODEL, example=example)
    running = Running(predict, service, **how)
    times = iter(range(1000))
    return smoke_test(running, service, limit=3, clock=lambda: next(times)), running


def statuses(smoke):
    return {one.id: one.status for one in smoke.checks}


def test_a_good_server_passes_everything_and_is_ended_politely():
    smoke, running = run()
    assert statuses(smoke) == dict.fromkeys(("health", "predict", "refuse", "metrics", "stop"), "PASS")
    assert (smoke.failed, smoke.device, running.stopped) == (None, "cpu", True)


def test_without_an_expected_output_no_more_is_claimed_than_was_seen():
    smoke, _ = run(example=Example(inputs=[1.0]))
    assert statuses(smoke)["predict"] == "SKIP"
    assert smoke.failed is None


def test_a_model_that_does_not_give_what_was_recorded_fails_at_once():
    smoke, running = run(lambda inputs: inputs)
    assert smoke.failed.id == "health"
    assert "outputs[0] is 1, expected 2" in smoke.failed.why
    assert not running.stopped


@pytest.mark.parametrize(
    ("said", "failed", "why"),
    [
        ({"predict": Answer(status=200, body=json.dumps({"outputs": [2.0, 4.5]}))}, "predict", "is 4.5, expected 4"),
        ({"predict": Answer(status=200, body='{"outputs": [2.0]}')}, "predict", "2 examples went in and 1"),
        ({"predict": Answer(status=500, body="oh no")}, "predict", "answered 500: oh no"),
        ({"predict": Answer(status=0, body="ConnectionResetError")}, "predict", "answered nothing"),
        ({"metrics": Answer(status=200, body="mlops_serve_prediction_seconds_count 0")}, "metrics", "not named"),
        ({"metrics": Answer(status=404, body="")}, "metrics", "answered 404"),
    ],
)
def test_a_wrong_answer(said, failed, why):
    smoke, _ = run(said=said)
    assert smoke.failed.id == failed
    assert why in smoke.failed.why
    assert "stop" not in statuses(smoke), "what fails first ends the test"


def test_a_server_that_takes_what_is_no_request():
    smoke, _ = run(example=None, said={"predict": Answer(status=200, body="{}")})
    assert smoke.failed.id == "refuse"


@pytest.mark.parametrize(("code", "why"), [(3, "ended with exit code 3"), (None, "when it was asked to")])
def test_a_server_that_does_not_end_as_it_is_asked(code, why):
    smoke, _ = run(stops=code)
    assert smoke.failed.id == "stop"
    assert why in smoke.failed.why


def test_a_server_that_never_becomes_ready(monkeypatch):
    monkeypatch.setattr("mlops_ci.deploying.smoke.TICK", 0.0)
    smoke, _ = run(predict=None)
    assert smoke.failed.id == "health"
    assert "loading" in smoke.failed.why


def test_a_server_that_ends_by_itself():
    smoke, _ = run(predict=None, code=20)
    assert (smoke.failed.id, smoke.ended) == ("health", 20)
