"""The whole state of a training, as tensors and plain values, which `torch.load` reads with `weights_only=True`.

Parts with a `state_dict` (model, optimiser, scheduler, scaler, sampler) give that, everything else is kept as it is
(the epoch, the place in the data). Random numbers of Python, NumPy and torch belong to it where there is one process:
of several each has its own, and only the first one saves.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

RANDOM = "random numbers"


def gather(parts: Mapping[str, Any]) -> dict[str, Any]:
    """What `give_back` takes. Raises `ValueError` for a part that is called as the random numbers are here."""
    if RANDOM in parts:
        raise ValueError(f"no part can be called {RANDOM!r}")
    found = {name: part.state_dict() if hasattr(part, "state_dict") else part for name, part in parts.items()}
    return {**found, RANDOM: _random_numbers()} if _alone() else found


def give_back(saved: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """Load each part, then put the random numbers where they were; gives the plain values.

    Raises `KeyError` for a part that was not saved: a scheduler that begins anew is no resumed training.
    """
    for name, part in parts.items():
        if name not in saved:
            raise KeyError(f"the checkpoint has no {name!r}: it has {', '.join(sorted(set(saved) - {RANDOM}))}")
        part.load_state_dict(saved[name])
    if RANDOM in saved and _alone():
        _set_random_numbers(saved[RANDOM])
    return {name: value for name, value in saved.items() if name not in parts and name != RANDOM}


def _alone() -> bool:
    return os.environ.get("WORLD_SIZE", "1") == "1"


def _random_numbers() -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state_all()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        name, keys, *rest = numpy.random.get_state()
        found["numpy"] = (name, keys.tolist(), *rest)
    return found


def _set_random_numbers(saved: Mapping[str, Any]) -> None:
    import torch

    random.setstate(saved["python"])
    # `map_location` has moved them too.
    torch.set_rng_state(saved["torch"].cpu())
    if "cuda" in saved and torch.cuda.is_available() and torch.cuda.device_count() == len(saved["cuda"]):
        torch.cuda.set_rng_state_all([one.cpu() for one in saved["cuda"]])
    if "numpy" in saved:
        import_module("numpy").random.set_state(saved["numpy"])
