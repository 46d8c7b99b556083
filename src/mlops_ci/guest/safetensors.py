"""A reader and a writer of the safetensors format for torch, without the package of that name.

Format (github.com/huggingface/safetensors, README "Format"): eight bytes with the header's length N as an unsigned
little-endian integer; N bytes of JSON, `{"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__":
{text: text}}`, which may end in spaces; then the tensors' bytes, row-major and little-endian, offsets counted from
there, without holes or overlaps.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_HEADER = 100_000_000
"""Bytes; the reference implementation's limit."""

ALIGNMENT = 8
METADATA = "__metadata__"
SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
TORCH_NAMES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "I16": "int16", "U16": "uint16", "F16": "float16", "BF16": "bfloat16", "I32": "int32", "U32": "uint32",
    "F32": "float32", "I64": "int64", "U64": "uint64", "F64": "float64", "C64": "complex64",
}  # fmt: skip


class SafetensorsError(ValueError):
    """The file or the tensors do not fit the format: why."""


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies: byte offsets are counted from the beginning of the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """The tensors of a file and its metadata, every number checked; raises `SafetensorsError` or `OSError`."""
    total = path.stat().st_size
    with path.open("rb") as stream:
        prefix = stream.read(8)
        if len(prefix) < 8:
            raise SafetensorsError("it is shorter than the eight bytes of its header's length")
        (length,) = struct.unpack("<Q", prefix)
        if length > LONGEST_HEADER or 8 + length > total:
            raise SafetensorsError("its header is longer than the file or the format's limit")
        raw = stream.read(length)
    try:
        header = json.loads(raw.decode("utf-8"))
        metadata = dict(header.pop(METADATA, {}))
        tensors = {str(name): _info(one, 8 + length) for name, one in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SafetensorsError(f"its header is damaged: {error}") from error
    _check_layout(tensors, 8 + length, total)
    return tensors, metadata


def load(path: Path, *, device: str = "cpu") -> dict[str, Any]:
    """The tensors of a file by name, on `device`; raises `SafetensorsError` or `OSError`. Needs torch."""
    import torch

    tensors, _ = read_header(path)
    loaded: dict[str, Any] = {}
    with path.open("rb") as stream:
        for name, info in tensors.items():
            dtype = getattr(torch, TORCH_NAMES[info.dtype])
            stream.seek(info.begin)
            data = bytearray(stream.read(info.end - info.begin))
            tensor = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
            loaded[name] = tensor.reshape(info.shape).to(device)
    return loaded


def save(tensors: Mapping[str, Any], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write torch tensors to `path`, and fsync it; equal tensors give equal bytes.

    Tensors that share memory are written one by one. Raises `SafetensorsError`, `OSError`.
    """
    if sys.byteorder != "little":
        raise SafetensorsError("this machine is not little-endian")
    names = {f"torch.{torch_name}": name for name, torch_name in TORCH_NAMES.items()}
    plain = {name: _plain(name, tensor, names) for name, tensor in tensors.items()}
    order = sorted(plain, key=lambda name: (-SIZES[names[str(plain[name].dtype)]], name))
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    offset = 0
    for name in order:
        tensor = plain[name]
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": names[str(tensor.dtype)], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % ALIGNMENT)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            _write(stream, plain[name])
        stream.flush()
        os.fsync(stream.fileno())


def _plain(name: str, tensor: Any, names: Mapping[str, str]) -> Any:
    if str(tensor.dtype) not in names:
        raise SafetensorsError(f"tensor {name} has the type {tensor.dtype}, which the format does not know")
    if str(tensor.layout) != "torch.strided" or tensor.is_quantized:
        raise SafetensorsError(f"tensor {name} is sparse or quantized, which the format does not know")
    return tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()


def _write(stream: Any, tensor: Any) -> None:
    count = tensor.numel() * tensor.element_size()
    if count:
        stream.write((ctypes.c_char * count).from_address(tensor.data_ptr()))


def _info(raw: dict[str, Any], start: int) -> TensorInfo:
    begin, end = raw["data_offsets"]
    shape = tuple(raw["shape"])
    numbers = (begin, end, *shape)
    if any(isinstance(number, bool) or not isinstance(number, int) or number < 0 for number in numbers):
        raise ValueError("a shape or offset is not a count")
    size = SIZES[raw["dtype"]]
    for dimension in shape:
        size *= dimension
    if size != end - begin:
        raise ValueError("a tensor's bytes do not fit its shape")
    return TensorInfo(dtype=raw["dtype"], shape=shape, begin=start + begin, end=start + end)


def _check_layout(tensors: Mapping[str, TensorInfo], start: int, total: int) -> None:
    position = start
    for name, info in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if info.begin != position:
            raise SafetensorsError(f"there is a hole or an overlap before tensor {name}")
        position = info.end
    if position != total:
        raise SafetensorsError("the file is shorter or longer than its tensors")
