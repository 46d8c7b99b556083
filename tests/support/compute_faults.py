"""Faults of a computation, read from data: what a broken device would do to a result at a step of a check."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Mapping
from typing import Any

INTEGERS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}


class Fault:
    """A hook for `Context.faults`: at the steps that match `step`, in call number `call` or in each, does `kind`."""

    def __init__(self, torch: Any, data: Mapping[str, Any]) -> None:
        self._torch = torch
        self._data = data
        self._calls = 0

    def __call__(self, step: str, value: Any) -> Any:
        if not fnmatch.fnmatch(step, self._data["step"]):
            return value
        self._calls += 1
        if self._data.get("call") in (None, self._calls):
            kinds: dict[str, Callable[[Any], Any]] = {
                "bit": self._bit, "value": self._value, "stride": self._stride, "slow": self._slow,
                "raise": self._raise, "allocate": self._allocate, "alias": self._alias,
            }  # fmt: skip
            return kinds[self._data["kind"]](value)
        return value

    def _bit(self, value: Any) -> Any:
        """One bit of one element is another one."""
        value = value.detach().clone()
        whole = value.view(getattr(self._torch, INTEGERS[value.element_size()]))
        place, bit = tuple(self._data["place"]), self._data["bit"]
        whole[place] ^= (1 << bit) if bit < 8 * value.element_size() - 1 else -(1 << bit)
        return value

    def _value(self, value: Any) -> Any:
        value = value.detach().clone()
        value[tuple(self._data["place"])] = float(self._data["value"])
        return value

    def _stride(self, value: Any) -> Any:
        """What corrupted addresses do: every so many elements one is wrong."""
        value = value.detach().clone()
        value.view(-1)[self._data["first"] :: self._data["every"]][: self._data["count"]] += 1
        return value

    def _alias(self, value: Any) -> Any:
        """Two addresses lead to the same cell."""
        value[self._data["place"]] = value[self._data["other"]]
        return value

    def _slow(self, value: Any) -> Any:
        time.sleep(self._data["seconds"])
        return value

    def _raise(self, value: Any) -> Any:
        raise getattr(self._torch, self._data["error"], RuntimeError)(self._data["message"])

    def _allocate(self, value: Any) -> Any:
        """Really asks for more memory than there is."""
        self._torch.empty(self._data["bytes"], dtype=self._torch.uint8)
        return value
