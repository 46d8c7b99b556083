"""What `/predict` takes: `{"inputs": [EXAMPLE, ...]}`, every example as the recorded one is."""

from __future__ import annotations

import json
import math
from typing import Any, List, Optional, Tuple

from mlops_ci.guest.serving.config import Example, Limits

Shape = Tuple[int, ...]


class RefusedError(Exception):
    """The request cannot be answered, and that is not the server's fault: an HTTP status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def parse(body: bytes, limits: Limits) -> List[Any]:
    """The examples of a request. Raises `RefusedError`."""
    try:
        told = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise RefusedError(400, "the body is nested too deeply") from None
    except ValueError as error:
        raise RefusedError(400, f"the body is no JSON: {error}") from None
    if not isinstance(told, dict) or set(told) != {"inputs"}:
        raise RefusedError(422, 'the body is to be an object with one key: {"inputs": [EXAMPLE, ...]}')
    inputs = told["inputs"]
    if not isinstance(inputs, list) or not inputs:
        raise RefusedError(422, "`inputs` is to be a list of at least one example")
    if len(inputs) > limits.batch:
        raise RefusedError(422, f"`inputs` has {len(inputs)} examples, and {limits.batch} are allowed in a request")
    return inputs


def shape_of(value: Any) -> Optional[Shape]:
    """The shape of an array of numbers; None for anything else: text, an object, rows of different lengths."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return () if math.isfinite(value) else None
    if not isinstance(value, list):
        return None
    shapes = {shape_of(one) for one in value}
    if not value:
        return (0,)
    first = shapes.pop()
    return None if shapes or first is None else (len(value), *first)


def whole(value: Any) -> bool:
    """Whether all numbers of an array are whole: names, as a tokenizer gives them, and no measurements."""
    return all(map(whole, value)) if isinstance(value, list) else isinstance(value, int)


def misfit(inputs: List[Any], example: Optional[Example]) -> Optional[str]:
    """Why the inputs are no batch of arrays, or none of the recorded form."""
    shape = shape_of(inputs)
    if shape is None:
        return "`inputs` are no arrays of finite numbers of one shape"
    known = None if example is None else shape_of(example.inputs)
    if known is None or shape[1:] == known[1:]:
        return None
    return f"each of `inputs` has the shape {list(shape[1:])}; the recorded example has {list(known[1:])}"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
