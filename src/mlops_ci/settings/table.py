"""What all tables of `mlops.toml` have in common: how a field's name is written there, and how strictly it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


def dashed(name: str) -> str:
    """A field's name as the file writes it: `start_from` is `start-from`."""
    return name.replace("_", "-")


class Table:
    """Base of the tables. The options are plain data, so that nothing here imports the validator that obeys them."""

    # The keys are those of pydantic's ConfigDict, which reads this attribute on any dataclass.
    __pydantic_config__: ClassVar[Mapping[str, Any]] = {
        "alias_generator": dashed,
        "allow_inf_nan": False,
        "extra": "forbid",
        "strict": True,
    }
