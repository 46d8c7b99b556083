"""What a model gave in the process that trained it, kept beside its weights, to be held against the saved one."""

from __future__ import annotations

import base64
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops_ci.guest import safetensors
from mlops_ci.guest.files import read_json, write_json

FILE = "parity.json"
SCHEMA = "mlops-ci/parity/1"


def keep(model: Any, example: Any, folder: Path) -> None:
    """Write what the model gives for `example` (a tensor, or several as a tuple or list) to `parity.json`."""
    inputs = list(example) if isinstance(example, (tuple, list)) else [example]
    tensors = {f"input.{index}": one for index, one in enumerate(inputs)}
    tensors.update({f"output.{index}": one for index, one in enumerate(_outputs(model, inputs))})
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "tensors")
        safetensors.save(tensors, path)
        data = base64.b64encode(path.read_bytes()).decode()
    write_json(folder / FILE, {"schema": SCHEMA, "tensors": data})


def difference(model: Any, folder: Path, *, device: str = "cpu") -> float:
    """The largest absolute difference between what `model` gives now and what was kept.

    Infinite where shapes differ or a value is not a number. Raises `OSError` or `ValueError` where nothing was kept.
    """
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "tensors")
        path.write_bytes(base64.b64decode(read_json(folder / FILE)["tensors"]))
        tensors = safetensors.load(path, device=device)
    inputs = [tensors[f"input.{index}"] for index in range(sum(name.startswith("input.") for name in tensors))]
    given = _outputs(model, inputs)
    kept = [tensors[f"output.{index}"] for index in range(len(tensors) - len(inputs))]
    if [one.shape for one in given] != [one.shape for one in kept]:
        return math.inf
    pairs = [(given[index], theirs) for index, theirs in enumerate(kept) if theirs.numel()]
    found = [float((ours.to(theirs) - theirs).abs().max()) for ours, theirs in pairs]
    return max((math.inf if math.isnan(one) else one for one in found), default=0.0)


def _outputs(model: Any, inputs: Sequence[Any]) -> list[Any]:
    """Its tensors, of a model that is put back into training afterwards if it was."""
    import torch

    training = getattr(model, "training", False)
    if training:
        model.eval()
    try:
        with torch.no_grad():
            given = model(*inputs)
    finally:
        if training:
            model.train()
    return [one for one in (given if isinstance(given, (tuple, list)) else [given]) if hasattr(one, "numel")]
