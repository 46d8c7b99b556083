"""Exact sums over the bits of tensors, made where the tensors lie: equal states have equal sums on any device.

No cryptography: two states of one training that differ are told apart, which is all that is asked of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any


def of_optimizer(optimizer: Any) -> tuple[str, str]:
    """The sums of what an optimiser trains and of what it remembers, as short texts."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    state = [(index, optimizer.state.get(one) or {}) for index, one in enumerate(parameters)]
    memory = [
        f"{index}.{name}={_of(value)}"
        for index, known in state
        for name, value in sorted(_items(known), key=lambda item: str(item[0]))
    ]
    return _digest(map(_of, parameters)), _digest(memory)


def bad_gradients(optimizer: Any) -> tuple[list[str], int]:
    """The parameters whose gradient has a value that is not finite, and how many have a gradient at all."""
    import torch

    bad, count = [], 0
    for number, group in enumerate(optimizer.param_groups):
        for index, one in enumerate(group["params"]):
            gradient = one.grad
            if gradient is None:
                continue
            count += 1
            values = gradient.coalesce().values() if gradient.is_sparse else gradient
            if not bool(torch.isfinite(values).all()):
                bad.append(f"parameter {index} of group {number} (shape {list(one.shape)})")
    return bad, count


def _items(known: Any) -> Iterable[tuple[Any, Any]]:
    return known.items() if isinstance(known, Mapping) else ()


def _of(value: Any) -> str:
    if not hasattr(value, "element_size"):
        return repr(value)[:200]
    import torch

    plain = value.detach()
    if plain.is_sparse:
        plain = plain.coalesce().values()
    flat = plain.resolve_conj().resolve_neg().contiguous().reshape(-1)
    words = flat.view(torch.uint8 if flat.element_size() % 2 else torch.int16)
    return f"{list(value.shape)}:{int(words.sum(dtype=torch.int64))}"


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
