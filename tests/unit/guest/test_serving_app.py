"""What a server answers, without a network."""

from __future__ import annotations

import json
import threading

import pytest

from mlops_ci.guest.serving.app import App
from mlops_ci.guest.serving.config import Example, Limits, Service

MODEL = {"name": "m", "version": "7"}


def app(predict=None, *, example=None, **limits):
    made = App(Service(entry="serve.py:load", model=MODEL, limits=Limits(**limits), example=example))
    if predict is not None:
        made.serve(predict, "cpu")
    return made


def double(inputs):
    return [2 * one for one in inputs]


def ask(made, inputs, method="POST", path="/predict"):
    reply = made.handle(method, path, json.dumps({"inputs": inputs}).encode())
    return reply.status, json.loads(reply.body), reply.headers


def health(made):
    reply = made.handle("GET", "/health", b"")
    return reply.status, json.loads(reply.body)


def test_a_prediction_says_of_which_model_it_is():
    assert ask(app(double), [1, 2]) == (200, {"outputs": [2, 4], "model": MODEL}, {})


def test_before_the_model_is_there_nothing_is_predicted_and_the_server_lives():
    made = app()
    status, said, headers = ask(made, [1])
    assert (status, headers) == (503, {"Retry-After": "5"})
    assert "loading" in said["error"]
    assert health(made)[0] == 503
    assert made.handle("GET", "/health/live", b"").status == 200


def test_a_model_that_answers_its_example_is_ready():
    made = app(double, example=Example(inputs=[1.5], outputs=[3.00001]))
    status, said = health(made)
    assert (status, said["status"], said["example"], said["model"]) == (200, "ready", "as recorded", MODEL)
    assert health(app(double, example=Example(inputs=[1.5])))[1]["example"] == "answered"


def test_a_model_that_answers_its_example_wrong_is_never_ready():
    made = app(double, example=Example(inputs=[1.5], outputs=[4.0]))
    status, said = health(made)
    assert (status, said["status"], said["example"]) == (503, "wrong", "differs")
    assert said["differences"] == ["outputs[0] is 3, expected 4 (differs by 1, 0.0004 allowed)"]
    assert ask(made, [1])[0] == 503


def test_a_model_that_fails_on_its_example_is_never_ready(capsys):
    def fails(inputs):
        raise RuntimeError("boom")

    assert "RuntimeError: boom" in health(app(fails, example=Example(inputs=[1])))[1]["differences"][0]
    assert "boom" in capsys.readouterr().err


def test_what_goes_wrong_inside_is_for_the_log_and_not_for_the_client(capsys):
    def fails(inputs):
        raise RuntimeError("/opt/app/secret-path")

    status, said, _ = ask(app(fails), [1])
    assert status == 500
    assert "secret" not in said["error"]
    assert "secret-path" in capsys.readouterr().err
    assert ask(app(lambda inputs: [1.0]), [1, 2])[0] == 500, "an output is missing"
    assert ask(app(lambda inputs: [float("nan")]), [1])[0] == 500, "JSON has no such number"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/predict", 405), ("POST", "/health", 405), ("GET", "/etc/passwd", 404)]
)
def test_other_paths_and_methods(method, path, status):
    made = app(double)
    assert ask(made, [1], method, path)[0] == status
    assert 'code="200"' not in made.handle("GET", "/metrics", b"").body.decode()


def test_who_finds_all_places_taken_is_told_when_to_come_again():
    go, entered = threading.Event(), threading.Event()

    def waits(inputs):
        entered.set()
        go.wait(10)
        return inputs

    made = app(waits, workers=1, queue=0)
    first = threading.Thread(target=ask, args=(made, [1]))
    first.start()
    entered.wait(10)
    assert made.under_way == 1
    status, said, headers = ask(made, [2])
    assert (status, headers, said["error"]) == (503, {"Retry-After": "1"}, "all 1 places are taken")
    go.set()
    first.join(10)
    assert ask(made, [3])[0] == 200


def test_what_takes_too_long_is_given_up_and_keeps_its_place_until_it_ends():
    go = threading.Event()
    made = app(lambda inputs: (go.wait(10), inputs)[1], workers=1, queue=0, timeout=0.01)
    assert ask(made, [1])[0] == 504
    assert ask(made, [1])[0] == 503
    go.set()


def test_a_server_that_is_to_end_takes_nothing_new():
    made = app(double)
    made.drain()
    assert ask(made, [1])[0] == 503
    assert health(made) == (503, {**health(made)[1], "status": "draining", "ready": False})


def test_metrics_count_requests_errors_and_time_and_name_the_model():
    made = app(double)
    ask(made, [1, 2])
    ask(made, [])
    made.handle("GET", "/x/../y", b"")
    reply = made.handle("GET", "/metrics", b"")
    lines = reply.body.decode().splitlines()
    assert reply.kind.startswith("text/plain; version=0.0.4")
    assert 'mlops_serve_requests_total{path="/predict",code="200"} 1' in lines
    assert 'mlops_serve_requests_total{path="/predict",code="422"} 1' in lines
    assert 'mlops_serve_requests_total{path="other",code="404"} 1' in lines
    assert "mlops_serve_prediction_seconds_count 1" in lines
    assert 'mlops_serve_prediction_seconds_bucket{le="+Inf"} 1' in lines
    assert "mlops_serve_examples_total 2" in lines
    assert "mlops_serve_ready 1" in lines
    assert 'mlops_serve_model_info{name="m",version="7"} 1' in lines
