"""A policy file: bounds for settings, under the names that `mlops.toml` gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mlops_ci.config.bounds import LISTED, Bound, boundable, direction_of
from mlops_ci.config.declared import annotation_at, tables
from mlops_ci.config.errors import ConfigError, Problem
from mlops_ci.config.expected import expected, found, near
from mlops_ci.config.keys import Key, dotted, leaves
from mlops_ci.config.lines import lines_of
from mlops_ci.config.read import decoded, parse

# Who may run a stage is no setting of `mlops.toml`: the engine is named where the tool is called.
ENGINES: Key = ("engine", "allowed")
KNOWN_ENGINES = ("docker", "host", "inside")
HINT = "every setting that a policy can bound stands in docs/policy.md"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One policy. `engines` are those that it allows, None when it says nothing of them."""

    source: str
    sha256: str
    bounds: tuple[Bound, ...]
    engines: tuple[str, ...] | None = None


def read_policy(data: bytes, *, source: str, sha256: str) -> Policy:
    """The policy in these bytes; raises `ConfigError` with everything that is wrong in it."""
    tree = parse(decoded(data, source), source)
    lines = lines_of(decoded(data, source))
    bounds: list[Bound] = []
    problems: list[Problem] = []
    engines: tuple[str, ...] | None = None
    for key, raw in leaves(tree):
        line = lines.get(key)
        where = f"{source}:{line}" if line else source
        try:
            if raw == {} and len(key) == 1:
                continue
            if key == ENGINES:
                engines = _engines(raw)
            else:
                bounds.append(_bound(key, raw, where))
        except ValueError as error:
            text = f"[{dotted(key[:1])}] {dotted(key[1:])}: {error}" if len(key) > 1 else f"{dotted(key)}: {error}"
            problems.append(Problem(where=where, message=text, file=source, line=line))
    if problems:
        raise ConfigError(problems, hint=HINT)
    return Policy(source=source, sha256=sha256, bounds=tuple(bounds), engines=engines)


def _bound(key: Key, raw: Any, where: str) -> Bound:
    direction = direction_of(key) if len(key) == 2 else None
    if direction is None:
        raise ValueError(_unknown(key))
    limit = _patterns(raw) if direction in LISTED else _limit(key, raw)
    return Bound(key=key, direction=direction, limit=limit, raw=raw, where=where)


def _limit(key: Key, raw: Any) -> Any:
    annotation = annotation_at(key)
    try:
        return TypeAdapter(annotation).validate_json(json.dumps(raw), strict=True)
    except (ValidationError, TypeError):
        raise ValueError(f"expected {expected(annotation)}, found {found(raw)}") from None


def _patterns(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(one, str) and one.strip() for one in raw):
        raise ValueError(f"expected a list of what is allowed, with `*` where anything may stand, found {found(raw)}")
    return tuple(raw)


def _engines(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or not all(one in KNOWN_ENGINES for one in raw):
        raise ValueError(f"expected a list of {', '.join(KNOWN_ENGINES)}, found {found(raw)}")
    return tuple(raw)


def _unknown(key: Key) -> str:
    known = {**boundable(), str(ENGINES[0]): (str(ENGINES[1]),)}
    table = str(key[0])
    if table not in known:
        meant = near(table, known)
        return f"no table that a policy bounds; {f'did you mean `{meant}`?' if meant else f'there are {_list(known)}'}"
    if len(key) > 2 and str(key[1]) in known[table]:
        return "expected one value for the whole setting, found a table"
    meant = near(str(key[1]), known[table]) if len(key) > 1 else None
    exists = len(key) > 1 and table in tables() and str(key[1]) in tables()[table].fields
    about = "a policy does not bound this setting" if exists else "there is no such setting"
    return f"{about}; {f'did you mean `{meant}`?' if meant else f'of this table it bounds {_list(known[table])}'}"


def _list(names: Any) -> str:
    return ", ".join(_texts(names))


def _texts(names: Any) -> Iterator[str]:
    yield from map(str, names)
