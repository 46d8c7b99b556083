"""What a caller changed against the configuration file, as options that give the same settings again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.config.declared import annotation_at
from mlops_ci.config.keys import Key, dotted, leaves
from mlops_ci.config.overrides import parsed_value
from mlops_ci.config.toml_text import quoted, written
from mlops_ci.redaction import Redactor, is_secret_name
from mlops_ci.settings.settings import Settings

FROM_OUTSIDE = ("environment", "set")
# `train.params.NAME` and the like: the names are the user's own, and may say that a value is a secret.
OWN_NAME = 2


@dataclass(frozen=True, kw_only=True)
class Given:
    """`sets` are `key=value` for `--set`; `withheld` the keys whose values hold a secret and are shown nowhere."""

    sets: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


def given(settings: Settings, redactor: Redactor) -> Given:
    """Every setting that came from the environment or the command line, whatever way it was spelled there."""
    sets, withheld = [], []
    for key, value in leaves(dict(settings.effective)):
        source = settings.sources.get(dotted(key))
        if source is None or source.kind not in FROM_OUTSIDE:
            continue
        text = f"{dotted(key)}={_text(key, value)}"
        if redactor.clean(text) != text or (len(key) > OWN_NAME and is_secret_name(str(key[-1]))):
            withheld.append(dotted(key))
        else:
            sets.append(text)
    return Given(sets=tuple(sets), withheld=tuple(withheld))


def variable(key: str) -> str:
    """The environment variable of a setting; of the table around it, where its name can stand in no variable's."""
    table, _, name = key.partition('."')[0].partition(".")
    parts = [table, *name.split(".", 1)]
    return "MLOPS_CI_" + "__".join(part.upper().replace("-", "_") for part in parts)


def _text(key: Key, value: Any) -> str:
    """The value as `--set` reads it: as people write it where that means the same, else as TOML."""
    if not isinstance(value, str):
        return written(value if not isinstance(value, Mapping) else dict(value))
    plain = parsed_value(value, annotation_at(key)) == value
    return value if plain else quoted(value)
