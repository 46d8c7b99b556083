"""Turns a PyTorch file into safetensors; in a process of its own, since reading a foreign file may crash or never end.

Only `torch.load(weights_only=True)` is used: it builds tensors and plain containers and nothing else. A file that needs
more is a real pickle, which runs code when it is loaded, and is refused.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlops_ci.guest import safetensors

CONVERTED = "converted"
UNSAFE = "unsafe"
UNUSABLE = "unusable"

STATE_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "ema")
"""Where training scripts put the model's state inside a checkpoint; the first that is there is taken."""

DEEPEST = 8


def convert(source: Path, target: Path) -> dict[str, Any]:
    """Convert and say how it went: `{"result": converted|unsafe|unusable, "reason", "notes", "tensors"}`."""
    import torch

    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it holds Python objects"
        return _answer(UNSAFE, f"it needs more than tensors to load: {needed(str(error)) or reason}")
    except Exception as error:
        return _answer(UNUSABLE, f"torch cannot read it: {type(error).__name__}: {str(error).strip()[:200]}")
    if isinstance(loaded, torch.Tensor):
        loaded = {"tensor": loaded}
    if not isinstance(loaded, Mapping):
        return _answer(UNUSABLE, f"it holds a {type(loaded).__name__}, not a state dict")
    state, notes = _state_of(loaded)
    tensors = dict(_flatten(state, torch.Tensor))
    if not tensors:
        return _answer(UNUSABLE, "it holds no tensors", notes)
    bad = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not torch.isfinite(tensor).all()]
    if bad:
        notes.append(f"{len(bad)} tensors of the model hold NaN or infinity, the first is {bad[0]}")
    try:
        safetensors.save(tensors, target)
    except safetensors.SafetensorsError as error:
        return _answer(UNUSABLE, str(error), notes)
    return {**_answer(CONVERTED, "", notes), "tensors": len(tensors)}


def main(arguments: list[str]) -> int:
    """`SOURCE TARGET`: the answer is the last line of standard output."""
    answer = convert(Path(arguments[0]), Path(arguments[1]))
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    return 0


def _answer(result: str, reason: str, notes: list[str] | None = None) -> dict[str, Any]:
    return {"result": result, "reason": reason, "notes": notes or []}


def needed(message: str) -> str:
    """The name of the class that the pickle asked for, out of torch's message."""
    for marker in ("Unsupported global: GLOBAL ", "unsupported GLOBAL ", "Unsupported class "):
        if marker in message:
            return message.partition(marker)[2].split()[0].rstrip(".,")
    return ""


def _state_of(loaded: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], list[str]]:
    for key in STATE_KEYS:
        inner = loaded.get(key)
        if isinstance(inner, Mapping) and any(True for _ in _flatten_any(inner)):
            others = [str(name) for name in loaded if name != key]
            note = f"took the weights under {key!r}" + (f" and left out {', '.join(others[:8])}" if others else "")
            return inner, [note]
    return loaded, []


def _flatten_any(value: Mapping[Any, Any]) -> Iterator[str]:
    import torch

    return (name for name, _ in _flatten(value, torch.Tensor))


def _flatten(value: Any, tensor: type, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Tensors by dotted name; what is no tensor (counters, names) is left out."""
    if isinstance(value, tensor):
        yield prefix, value
    elif isinstance(value, Mapping) and depth < DEEPEST:
        for name, inner in value.items():
            yield from _flatten(inner, tensor, f"{prefix}.{name}" if prefix else str(name), depth + 1)
