"""Templates are JSON. Values are put into texts that are parsed already, so no value can change a message's form.

`{name}` in a text is replaced; a text that is nothing but `{facts}` becomes the object itself. An object with
`"$if": "name"` stays only when that value is not empty, one with `"$each": "facts"` is repeated with `{name}` and
`{value}` of each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlops_ci.resources import HERE

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
IF, EACH = "$if", "$each"
Values = Mapping[str, str | Mapping[str, str]]
Escape = Callable[[str], str]


def built_in(name: str) -> Any:
    """The template `resources/notify/NAME.json`."""
    return read(HERE / "notify" / f"{name}.json")


def read(path: Path) -> Any:
    """The template in a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def fill(template: Any, values: Values, escape: Escape = str) -> Any:
    """The message; `escape` makes values harmless in the texts of the channel."""
    if isinstance(template, str):
        return _text(template, values, escape)
    if isinstance(template, list):
        return [filled for one in template for filled in _items(one, values, escape)]
    if isinstance(template, dict):
        return {key: fill(one, values, escape) for key, one in template.items() if key not in (IF, EACH)}
    return template


def _items(template: Any, values: Values, escape: Escape) -> Iterator[Any]:
    """What an element of a list becomes: nothing, itself, or several."""
    if not isinstance(template, dict):
        yield fill(template, values, escape)
    elif IF in template and not values.get(str(template[IF])):
        return
    elif EACH in template:
        each = values.get(str(template[EACH]))
        for name, value in each.items() if isinstance(each, Mapping) else ():
            yield fill(template, {**values, "name": name, "value": value}, escape)
    else:
        yield fill(template, values, escape)


def _text(text: str, values: Values, escape: Escape) -> Any:
    whole = PLACEHOLDER.fullmatch(text)
    if whole and isinstance(found := values.get(whole[1]), Mapping):
        return dict(found)

    def put(match: re.Match[str]) -> str:
        value = values.get(match[1])
        return escape(value) if isinstance(value, str) else match[0]

    return PLACEHOLDER.sub(put, text)
