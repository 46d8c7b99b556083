"""Have the classes changed? Those that a model says it knows, and those of the data that it was evaluated on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlops_ci.gates.constants import constants
from mlops_ci.gates.evidence import recognise
from mlops_ci.gates.metric import Goal
from mlops_ci.gates.predictions import SHOWN, Row, number, pair
from mlops_ci.records.evaluate import Champion, Classes, Gate
from mlops_ci.settings.evaluate import EvaluateSettings

# Where a model's config.json says which classes it knows: Hugging Face's key first.
KEYS = ("id2label", "classes", "labels")


def classes_gate(rule: EvaluateSettings, challenger: Classes | None, champion: Champion) -> Iterator[Gate]:
    """One gate where the classes of both are known: `review` when they differ, unless that is allowed."""
    if challenger is None or champion.classes is None:
        return
    pairs = (
        ("the model knows", challenger.model, champion.classes.model),
        ("the evaluation data has", challenger.data, champion.classes.data),
    )
    compared = [(what, ours, theirs) for what, ours, theirs in pairs if ours is not None and theirs is not None]
    if not compared:
        return
    changes = [f"{what} {_difference(ours, theirs)}" for what, ours, theirs in compared if set(ours) != set(theirs)]
    if not changes:
        yield Gate(id="classes", verdict="pass", why=f"the same as of version {champion.version}")
        return
    why = f"other classes than of champion version {champion.version}: {'; '.join(changes)}"
    allowed = rule.changed_classes == "allow"
    yield Gate(
        id="classes",
        verdict="pass" if allowed else "review",
        why=f"{why}; `changed-classes` allows it" if allowed else why,
    )


def of_data(rows: Sequence[Row], *, value: float | None, goal: Goal) -> tuple[str, ...] | None:
    """The classes among the targets; None where they are no classes.

    They are when the metric (`value`) is their accuracy or error rate, or when none of them is a number; and when
    there are not more of them than any classifier has.
    """
    targets = {_canonical(row.target) for row in rows}
    if len(targets) > constants().most_classes:
        return None
    if any(number(one) is not None for one in targets):
        measure = None if value is None else recognise(pair(rows, rows), challenger=value, champion=value, goal=goal)
        if measure is None or measure.loss is not None:
            return None
    return tuple(sorted(targets))


def of_model(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The classes that a model's `config.json` says it knows, by name or by number; None where it says nothing."""
    for key in KEYS:
        found = config.get(key)
        if isinstance(found, int) and not isinstance(found, bool) and 0 < found <= constants().most_classes:
            return tuple(sorted(map(str, range(found))))
        values = list(found.values()) if isinstance(found, Mapping) else found
        if isinstance(values, list) and values and all(isinstance(one, str | int) for one in values):
            return tuple(sorted({_canonical(str(one)) for one in values}))
    return None


def _difference(ours: Iterable[str], theirs: Iterable[str]) -> str:
    new, gone = sorted({*ours} - {*theirs}), sorted({*theirs} - {*ours})
    said = [f"{len(new)} new ({_listed(new)})"] if new else []
    return " and ".join([*said, *([f"{len(gone)} fewer ({_listed(gone)})"] if gone else [])])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(one) for one in names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")


def _canonical(text: str) -> str:
    """`3.0` and `3` are the same class."""
    value = number(text)
    return f"{value:g}" if value is not None else text
