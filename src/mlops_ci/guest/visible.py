"""Which GPUs CUDA_VISIBLE_DEVICES names, as CUDA itself reads it: for whoever looks at GPUs, counts or leases them.

The rule is the CUDA C++ Programming Guide's (environment variables): indices, or beginnings of UUIDs that fit one GPU
alone, in the order of the list; it ends before the first name that fits none; of partitions (MIG) a process sees one.
What the guide leaves open is as PyTorch reads it (torch/cuda/__init__.py, `_parse_visible_devices`): the first name
says of which kind all are, a number may be followed by anything, and a name that comes twice empties the list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

VARIABLE = "CUDA_VISIBLE_DEVICES"
GPU, PART = "GPU-", "MIG-"
NUMBER = re.compile(r"\s*([+-]?\d+)")


@dataclass(frozen=True)
class Candidate:
    """A GPU. `index` counts in the order of the PCI bus, as the driver does; `parts` are its partitions' UUIDs."""

    index: int
    uuid: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Named:
    """A GPU that was named, by its place among the candidates; `part` is the partition, where one was meant."""

    place: int
    part: str = ""


def named(shown: Optional[str], gpus: Sequence[Candidate]) -> list[Named]:
    """What the variable names, in its order; all GPUs where it is not set."""
    if shown is None:
        return [Named(place) for place in range(len(gpus))]
    names = _names(shown)
    found = [_one(name, gpus) for name in names]
    valid = found[: found.index(None)] if None in found else found
    twice = len(set(names)) < len(names) or len(set(valid)) < len(valid)
    return [] if twice else [one for one in valid if one is not None]


def visible(shown: Optional[str], gpus: Sequence[Candidate]) -> list[Named]:
    """What a process then sees: as `named`, and of partitions the first.

    Where the driver tells of no partition at all, a partition's name may mean any GPU: all stay.
    """
    if shown is None or not shown.startswith(PART):
        return named(shown, gpus)
    if not any(gpu.parts for gpu in gpus) and not shown.startswith(PART + GPU):
        return named(None, gpus)
    return named(shown, gpus)[:1]


def _names(shown: str) -> list[Union[str, int]]:
    """The names up to the first of another kind than the first one's, or that is no index."""
    kind = next((one for one in (GPU, PART) if shown.startswith(one)), "")
    found: list[Union[str, int]] = []
    for word in shown.split(","):
        number = None if kind else NUMBER.match(word)
        if number is not None and int(number[1]) >= 0:
            found.append(int(number[1]))
        elif kind and word.startswith(kind):
            found.append(word)
        else:
            break
    return found


def _one(name: Union[str, int], gpus: Sequence[Candidate]) -> Optional[Named]:
    """The one GPU or partition that a name means; None where it means none, or might mean several."""
    if isinstance(name, int):
        return next((Named(place) for place, gpu in enumerate(gpus) if gpu.index == name), None)
    if name.startswith(PART):
        return _part(name, gpus)
    fitting = [Named(place) for place, gpu in enumerate(gpus) if gpu.uuid.startswith(name)]
    return fitting[0] if len(fitting) == 1 else None


def _part(word: str, gpus: Sequence[Candidate]) -> Optional[Named]:
    """By the partition's own UUID, or as drivers before R470 wrote it: MIG-GPU-UUID/GPU-INSTANCE/COMPUTE-INSTANCE."""
    parts = [Named(place, part) for place, gpu in enumerate(gpus) for part in gpu.parts]
    whole = [one for one in parts if one.part == word]
    fitting = whole or [one for one in parts if one.part.startswith(word)]
    if len(fitting) == 1:
        return fitting[0]
    owner = word[len(PART) :].partition("/")[0] if word.startswith(PART + GPU) else ""
    return next((Named(place, word) for place, gpu in enumerate(gpus) if gpu.uuid == owner), None)
