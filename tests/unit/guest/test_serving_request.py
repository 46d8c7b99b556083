"""What `/predict` takes and refuses, and how an answer is held against a recorded one."""

from __future__ import annotations

import json

import pytest

from mlops_ci.guest.serving.compare import differences
from mlops_ci.guest.serving.config import Example, Limits, Service, as_json, read
from mlops_ci.guest.serving.request import RefusedError, misfit, parse, shape_of, whole


def refused(body):
    with pytest.raises(RefusedError) as caught:
        parse(body, Limits(batch=2))
    return caught.value.status, caught.value.why


def test_a_request_is_a_list_of_examples():
    assert parse(b'{"inputs": [[1.5, 2], [3, 4]]}', Limits()) == [[1.5, 2], [3, 4]]


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"{", 400, "no JSON"),
        (b"\xff", 400, "no JSON"),
        (b'{"inputs": [NaN]}', 400, "NaN is no number of JSON"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b"[1]", 422, "one key"),
        (b'{"inputs": [1], "more": 1}', 422, "one key"),
        (b'{"inputs": []}', 422, "at least one example"),
        (b'{"inputs": {"a": 1}}', 422, "at least one example"),
        (b'{"inputs": [1, 2, 3]}', 422, "3 examples, and 2 are allowed"),
    ],
)
def test_what_is_no_request_is_refused_and_told_why(body, status, why):
    found = refused(body)
    assert found[0] == status
    assert why in found[1]


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ([[1, 2], [3, 4]], (2, 2)),
        ([1.0], (1,)),
        ([[]], (1, 0)),
        ([[1], [1, 2]], None),
        (["a"], None),
        ([True], None),
        ([[1], 2], None),
    ],
)
def test_the_shape_of_arrays(value, shape):
    assert shape_of(value) == shape


def test_an_input_of_another_shape_than_the_recorded_one_is_named():
    example = Example(inputs=[[1.0, 2.0]])
    assert misfit([[3.0, 4.0], [5.0, 6.0]], example) is None
    assert misfit([[3.0]], example) == "each of `inputs` has the shape [1]; the recorded example has [2]"
    assert misfit([["a", "b"]], example) == "`inputs` are no arrays of finite numbers of one shape"
    assert misfit([[3.0]], None) is None
    assert whole([[1, 2]])
    assert not whole([[1, 2.5]])


def test_numbers_may_differ_by_the_tolerance_and_nothing_else_may():
    assert differences([1.00005, {"label": "a", "p": 100.005}], [1.0, {"label": "a", "p": 100.0}], 1e-4) == []
    (said,) = differences([1.0, 2.5], [1.0, 2.0], 1e-4)
    assert said == "outputs[1] is 2.5, expected 2 (differs by 0.5, 0.0002 allowed)"
    assert differences([{"label": "b"}], [{"label": "a"}], 1.0) == ["outputs[0].label is 'b', expected 'a'"]
    assert differences([[1.0]], [[1.0, 2.0]], 1.0) == ["outputs[0] has 1 parts, expected 2"]
    assert differences([{"a": 1}], [{"b": 1}], 1.0) == ["outputs[0] has a, expected b"]
    assert len(differences([float("nan"), True, None], [1.0, 1, 0.0], 1.0)) == 3


def test_what_a_server_is_told_travels_as_json(tmp_path):
    service = Service(
        entry="serve.py:load", port=9, model={"name": "m", "version": "3"}, example=Example(inputs=[1], outputs=[2.0])
    )
    path = tmp_path / "service.json"
    path.write_text(json.dumps(as_json(service)))
    assert read(path) == service
    path.write_text(json.dumps({**as_json(service), "limits": {"nonsense": 1}}))
    with pytest.raises(ValueError, match="cannot be read"):
        read(path)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no mlops-ci/service/1"):
        read(path)
