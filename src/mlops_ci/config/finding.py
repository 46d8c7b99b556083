"""One thing in the settings that makes no sense."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.config.keys import Key


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that makes no sense. It only holds if the settings at `given` are as the user wrote them."""

    key: Key
    message: str
    given: tuple[Key, ...] = ()
