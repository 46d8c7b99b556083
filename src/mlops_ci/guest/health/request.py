"""What the examination of one device is asked for, as it stands on the command line of its process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What is to be examined: GPU number `index` of `gpus`, or the CPU where `gpus` is 0, in `budget` seconds.

    `chosen`: the level was named, so that what is beyond it was not wanted; else the budget decided, and that is told.
    """

    index: int
    gpus: int
    level: str
    budget: float
    only: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    chosen: bool = False

    @property
    def device(self) -> str:
        """The device's name in torch."""
        return f"cuda:{self.index}" if self.gpus else "cpu"

    def written(self) -> str:
        """For the child's command line."""
        return json.dumps({**vars(self), "limits": dict(self.limits)})


def request_of(text: str) -> Request:
    """The request in a command line."""
    raw = json.loads(text)
    return Request(**{**raw, "only": tuple(raw["only"])})
