"""How a sweep chooses the parameters of its trials."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mlops_ci.settings.spans import Interval
from mlops_ci.settings.sweep import Scalar
from mlops_ci.training.sweep.space import Space

Params = Mapping[str, Scalar]


class Search(Protocol):
    """Asked for the parameters of each trial, by its number from 1; told how each ended."""

    def ask(self, number: int) -> Params | None:
        """The parameters of that trial; None when there is nothing more to try."""

    def tell(self, number: int, value: float | None) -> None:
        """That trial reached this value; None: it failed, or was stopped early."""


@dataclass(frozen=True)
class Grid:
    """Every combination, the last parameter changing first."""

    space: Space

    @property
    def size(self) -> int:
        """How many combinations there are."""
        return math.prod(len(choices) for choices in self.space.values() if not isinstance(choices, Interval))

    def ask(self, number: int) -> Params | None:
        """See `Search`."""
        choices = [one for one in self.space.values() if not isinstance(one, Interval)]
        values = next(itertools.islice(itertools.product(*choices), number - 1, None), None)
        return None if values is None else dict(zip(self.space, values, strict=True))

    def tell(self, number: int, value: float | None) -> None:
        """A grid learns nothing."""


@dataclass(frozen=True)
class Chance:
    """By chance; the same number has the same parameters with the same seed, in whatever order it is asked."""

    space: Space
    seed: int

    def ask(self, number: int) -> Params | None:
        """See `Search`."""
        noise = random.Random(f"{self.seed}/{number}")
        return {
            name: one.draw(noise) if isinstance(one, Interval) else noise.choice(one)
            for name, one in self.space.items()
        }

    def tell(self, number: int, value: float | None) -> None:
        """Chance learns nothing."""
