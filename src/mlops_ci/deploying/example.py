"""The recorded request that a serving image is tested with: among the model's own files, so as verified as these."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlops_ci.errors import UsageError
from mlops_ci.guest import parity, safetensors
from mlops_ci.guest.safetensors import TensorInfo
from mlops_ci.guest.serving.config import Example

# What Python's `struct` reads of the types in a safetensors file. BF16 is the upper half of an F32.
FORMATS = {
    "BOOL": "?", "U8": "B", "I8": "b", "I16": "h", "U16": "H", "F16": "e", "I32": "i", "U32": "I", "F32": "f",
    "I64": "q", "U64": "Q", "F64": "d",
}  # fmt: skip
RECORD = "save_model(model, example=inputs), or [deploy] example"


class ExampleError(UsageError):
    """The model has no recorded example that could be sent as one request."""


def read(model: Path, name: str | None, tolerance: float) -> Example:
    """The example among the files of `model`: the file `name`, else what `save_model` kept. Raises `ExampleError`."""
    if name is not None:
        return _of_file(model, name, tolerance)
    if not (model / parity.FILE).is_file():
        raise ExampleError(
            "the model was published without a recorded example, so an image of it cannot be tested",
            hint=f"record one when you save the model: {RECORD}",
        )
    try:
        tensors = dict(_kept(model / parity.FILE))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExampleError(
            f"the example in {parity.FILE} cannot be used: {error}", hint=f"record it another way: {RECORD}"
        ) from error
    inputs = [value for key, value in sorted(tensors.items()) if key.startswith("input.")]
    outputs = [value for key, value in sorted(tensors.items()) if key.startswith("output.")]
    if len(inputs) != 1 or len(outputs) != 1 or not isinstance(inputs[0], list):
        raise ExampleError(
            f"the recorded example has {len(inputs)} inputs and {len(outputs)} outputs: one request has one of each",
            hint='write {"inputs": [...], "outputs": [...]} into a file of the outputs, and name it: [deploy] example',
        )
    return Example(inputs=inputs[0], outputs=outputs[0], tolerance=tolerance)


def _of_file(model: Path, name: str, tolerance: float) -> Example:
    path = model / name
    known = ", ".join(sorted(one.relative_to(model).as_posix() for one in model.rglob("*") if one.is_file()))
    if not path.resolve().is_relative_to(model.resolve()) or not path.is_file():
        raise ExampleError(
            f"[deploy] example: there is no {name} among the files of the published model",
            hint=f"the training is to write it into its outputs; the model has {known}",
        )
    try:
        told = json.loads(path.read_bytes())
        inputs, outputs = told["inputs"], told.get("outputs")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ExampleError(
            f"[deploy] example: {name} is no recorded request: {error!r}",
            hint='it is to hold {"inputs": [...], "outputs": [...]}',
        ) from error
    lists = isinstance(inputs, list) and inputs and (outputs is None or isinstance(outputs, list))
    if not lists or (outputs is not None and len(outputs) != len(inputs)):
        raise ExampleError(
            f"[deploy] example: `inputs` and `outputs` of {name} are to be lists of the same length",
            hint="an output for each input; without `outputs` only the answer's form is tested",
        )
    return Example(inputs=inputs, outputs=outputs, tolerance=tolerance)


def _kept(path: Path) -> Iterator[tuple[str, Any]]:
    """The tensors of what `save_model` kept, as nested lists: read without torch, which is not here."""
    data = base64.b64decode(json.loads(path.read_bytes())["tensors"])
    with TemporaryDirectory() as folder:
        file = Path(folder, "tensors")
        file.write_bytes(data)
        infos, _ = safetensors.read_header(file)
    for name, info in infos.items():
        yield name, _nested(_numbers(info, data[info.begin : info.end]), info.shape)


def _numbers(info: TensorInfo, raw: bytes) -> list[Any]:
    if info.dtype == "BF16":
        halves = [raw[index : index + 2] for index in range(0, len(raw), 2)]
        raw, kind = b"".join(b"\0\0" + half for half in halves), "f"
    elif info.dtype in FORMATS:
        kind = FORMATS[info.dtype]
    else:
        raise ValueError(f"a tensor of the type {info.dtype} has no form in JSON")
    return list(struct.unpack(f"<{len(raw) // struct.calcsize(f'<{kind}')}{kind}", raw))


def _nested(numbers: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return numbers
    step = len(numbers) // shape[0] if shape[0] else 0
    return [_nested(numbers[index * step : (index + 1) * step], shape[1:]) for index in range(shape[0])]
