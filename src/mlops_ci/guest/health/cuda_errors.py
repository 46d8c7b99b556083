"""What a message of CUDA means: cause, advice, and whether this node is at fault."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_ci.guest.health.tables import table


@dataclass(frozen=True)
class Meaning:
    """`node`: another node may do."""

    cause: str
    advice: str
    node: bool


UNKNOWN = Meaning("", "Run on another node, and have this device looked at.", node=True)


def meaning(message: str) -> Meaning:
    """The first rule of the table that the message fits."""
    for rule in table("cuda-errors")["rules"]:
        if re.search(rule["match"], message, re.IGNORECASE):
            return Meaning(rule["cause"], rule["advice"], bool(rule["node"]))
    return UNKNOWN


def first_line(error: BaseException) -> str:
    """The class and the first line of an exception: CUDA appends paragraphs."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
