"""In words: what a setting expects, what was found instead, and which known name was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from mlops_ci.config.declared import bare, choices, is_free_table, item_of
from mlops_ci.config.toml_text import written
from mlops_ci.redaction import Redactor
from mlops_ci.settings.marks import Form, Range

WORDS = {str: "a string", int: "a whole number", float: "a number"}
NAMES = (
    (str, "the string"),
    (bool, ""),
    ((int, float), "the number"),
    (Mapping, "the table"),
    ((list, tuple), "the list"),
)
SHOWN_CHARACTERS = 60


def expected(annotation: Any) -> str:
    """What a value of this type looks like."""
    kinds = choices(annotation)
    words: list[str] = []
    for kind in kinds:
        if bare(kind) is bool:
            words += ["true", "false"]
        elif not (kind is int and float in kinds):
            words.append(_one(kind))
    return _joined(words)


def _one(annotation: Any) -> str:
    plain = bare(annotation)
    if get_origin(plain) is Literal:
        return _joined([written(value) for value in get_args(plain)])
    if get_origin(plain) is tuple:
        return f"a list, each {expected(item_of(annotation))}"
    if is_free_table(annotation):
        return f"a table, each value {expected(item_of(annotation))}"
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    for mark in marks:
        if isinstance(mark, Form):
            return mark.expected
        if isinstance(mark, Range):
            return f"{WORDS[plain]} {mark.expected}"
    return WORDS.get(plain) or str(getattr(plain, "expected", "a table"))


def found(value: Any) -> str:
    """A value that was found where something else was expected, short and without passwords."""
    name = next((name for kind, name in NAMES if isinstance(value, kind)), "the value")
    shown = Redactor().clean(written(value))
    short = shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[: SHOWN_CHARACTERS - 1]}…"
    return f"{name} {short}".strip()


def hidden(annotation: Any) -> bool:
    """Whether a wrong value of this type may be a secret."""
    return any(
        isinstance(mark, Form) and mark.hidden
        for one in choices(annotation)
        for mark in getattr(one, "__metadata__", ())
    )


def near(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: dashes, underscores and case do not count, some letters may be wrong."""
    plain = {one.lower().replace("_", "-"): one for one in known}
    close = difflib.get_close_matches(name.lower().replace("_", "-"), plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None


def allowed_texts(annotation: Any) -> list[str]:
    """The texts among a type's fixed values."""
    literals = [
        value
        for choice in choices(annotation)
        if get_origin(bare(choice)) is Literal
        for value in get_args(bare(choice))
    ]
    return [value for value in literals if isinstance(value, str)]


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
