"""`[nightly] canary`: an overlay that there is, and whose numbers can be held against the night's own."""

from __future__ import annotations

from mlops_ci.config.document import MODE, Document
from mlops_ci.config.errors import Problem
from mlops_ci.config.expected import near
from mlops_ci.config.keys import Key, dotted, lookup
from mlops_ci.config.layers import Merged

NIGHTLY = "nightly"
CANARY: Key = (NIGHTLY, "canary")
# Another of these, and the two models were not scored alike, or not held against the same champion.
SAME = {
    "project": "the model is the night's",
    "data": "its numbers are compared with the night's, on the same data",
    "prepare": "its numbers are compared with the night's, on the same data",
    "evaluate": "its numbers are compared with the night's, by the same evaluation",
    "publish": "it publishes nothing, and the champion is the night's",
    "tracking": "the champion is the night's",
    "runners": "it runs on the machine that the night trains on",
    "nightly": "the schedule is the night's",
    "notify": "the night tells of it",
    "policy": "the policy is the night's",
}


def canary_of(merged: Merged) -> str | None:
    """The overlay that is named, where that is a name."""
    name = lookup(merged.tree, CANARY)
    return name if isinstance(name, str) and name else None


def canary_problems(document: Document, merged: Merged) -> list[Problem]:
    """What is wrong with it: told with every command, long before a night."""
    name = canary_of(merged)
    if name is None:
        return []
    if name == NIGHTLY or name not in document.modes:
        return [merged.problem(CANARY, _unknown(document, name))]
    layer = document.modes[name]
    found = []
    for table in layer.tree:
        if table in SAME:
            origin = layer.origins.get((table,)) or next(
                (one for key, one in layer.origins.items() if key[0] == table), None
            )
            where = origin.source.where if origin else merged.label
            message = f"[{dotted((MODE, name, table))}]: the canary cannot have another [{table}]: {SAME[table]}"
            file, line = (origin.file, origin.line) if origin else (merged.label, None)
            found.append(Problem(where=where, message=message, file=file, line=line))
    return found


def _unknown(document: Document, name: str) -> str:
    if name == NIGHTLY:
        return f"[{MODE}.{NIGHTLY}] is the night itself: name an overlay of its own, such as [{MODE}.next.image]"
    overlays = [one for one in document.modes if one != NIGHTLY]
    meant = near(name, overlays)
    hint = f"did you mean `{meant}`?" if meant else f"write what is to be tried into [{MODE}.{name}.image]"
    return f"there is no overlay [{MODE}.{name}]; {hint}"
