"""Faults of a computation: each is what a sick device does to a result, on the steps whose names begin so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Hook = Callable[[str, Any], Any]


def flipped_bit(torch: Any, *, step: str, row: int, column: int, bit: int = 20) -> Hook:
    """One bit of one element is another."""

    def hook(name: str, value: Any) -> Any:
        if name.startswith(step):
            whole = {4: torch.int32, 2: torch.int16, 8: torch.int64}[value.element_size()]
            value = value.clone()
            words = value.view(whole)
            words[row, column] = words[row, column] ^ (1 << (bit % (8 * value.element_size() - 1)))
        return value

    return hook


def added(torch: Any, *, step: str, by: float = 1.0) -> Hook:
    """The first element is wrong by so much."""
    del torch

    def hook(name: str, value: Any) -> Any:
        if name.startswith(step):
            value = value.clone()
            flat = value.view(-1)
            flat[0] = flat[0] + by
        return value

    return hook


def not_a_number(torch: Any, *, step: str) -> Hook:
    """One element is NaN."""

    def hook(name: str, value: Any) -> Any:
        if name.startswith(step) and value.is_floating_point():
            value = value.clone()
            value.view(-1)[7] = float("nan")
        return value

    return hook


def strided(torch: Any, *, step: str, every: int = 32) -> Hook:
    """Every so many elements are wrong, as a corrupted address makes them."""
    del torch

    def hook(name: str, value: Any) -> Any:
        if name.startswith(step):
            value = value.clone()
            value[3, ::every] += 1
        return value

    return hook


def not_repeatable(torch: Any, *, step: str) -> Hook:
    """Each repetition differs in its last bits."""
    calls = [0]

    def hook(name: str, value: Any) -> Any:
        if name.startswith(step):
            calls[0] += 1
            value = value.clone()
            flat = value.view(-1)
            flat[5] = torch.nextafter(flat[5], torch.tensor(float(calls[0]) * 1e6)) if calls[0] > 1 else flat[5]
        return value

    return hook


def raised(torch: Any, *, step: str, message: str) -> Hook:
    """The device says that it failed."""

    def hook(name: str, value: Any) -> Any:
        if name.startswith(step):
            raise RuntimeError(message)
        return value

    return hook


def stuck_bits(torch: Any, *, step: str, word: int = 11) -> Hook:
    """A word of the memory does not hold what was written."""
    del torch

    def hook(name: str, value: Any) -> Any:
        if name.startswith(step):
            value = value.clone()
            flat = value.view(-1)
            flat[word] = flat[word] ^ 4
        return value

    return hook


def slow(torch: Any, *, step: str, seconds: float) -> Hook:
    """It takes longer."""
    del torch

    def hook(name: str, value: Any) -> Any:
        if name.startswith(step):
            time.sleep(seconds)
        return value

    return hook


FAULTS: dict[str, Callable[..., Hook]] = {
    one.__name__.replace("_", "-"): one
    for one in (flipped_bit, added, not_a_number, strided, not_repeatable, raised, stuck_bits, slow)
}
