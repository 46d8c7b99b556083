"""Policies applied: what nobody set becomes as strict as they demand, and whoever set something laxer is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.config.bounds import Bound, laxer, tightened
from mlops_ci.config.declared import tables as declared_tables
from mlops_ci.config.errors import Problem
from mlops_ci.config.keys import Key, dotted
from mlops_ci.config.layers import Layer, Merged, Origin
from mlops_ci.config.policy import Policy
from mlops_ci.config.toml_text import written
from mlops_ci.config.validate import Validated, validate
from mlops_ci.settings.settings import Source, Tables

# Values that people set, or that hold until they do: what these say the policy may replace.
UNSET = ("default", "policy")


@dataclass(frozen=True, kw_only=True)
class Governed:
    """The settings within the policies; `problems` are the values that somebody set laxer."""

    validated: Validated
    problems: tuple[Problem, ...] = ()


def govern(merged: Merged, validated: Validated, policies: Iterable[Policy], *, complete: bool = True) -> Governed:
    """Hold the settings against all bounds, one policy after the other. `merged` gets what nobody set."""
    problems: list[Problem] = []
    for policy in policies:
        stricter: dict[Key, tuple[Any, str]] = {}
        for bound, at in _laxer(policy, validated):
            value = value_of(validated.tables, bound.key)
            demand = tightened(bound, value) if _is_unset(merged, bound.key) else None
            if demand is None:
                problems.append(merged.problem(at, _told(bound, at, value)))
            else:
                stricter[bound.key] = (demand, bound.where)
        if stricter:
            merged.add(_layer(stricter))
            validated = validate(merged, complete=complete)
    return Governed(validated=validated, problems=tuple(problems))


def value_of(tables: Tables, key: Key) -> Any:
    """The value of a setting."""
    table = declared_tables()[str(key[0])]
    return getattr(getattr(tables, table.attribute), table.fields[str(key[1])].attribute)


def demands(policies: Sequence[Policy]) -> dict[str, str]:
    """What is demanded of each setting, in words."""
    found: dict[str, str] = {}
    for bound in (bound for policy in policies for bound in policy.bounds):
        name = dotted(bound.key)
        found[name] = f"{found[name]}; {bound.in_words}" if name in found else bound.in_words
    return found


def allowed_engines(policies: Sequence[Policy]) -> tuple[str, ...] | None:
    """The engines that all policies allow; None when none speaks of them."""
    limits = [set(policy.engines) for policy in policies if policy.engines is not None]
    return tuple(sorted(set.intersection(*limits))) if limits else None


def _laxer(policy: Policy, validated: Validated) -> Iterator[tuple[Bound, Key]]:
    """The bounds that do not hold, and where; not those of a value that is told to be wrong already."""
    goal = validated.tables.evaluate.goal
    for bound in policy.bounds:
        if any(wrong[:2] == bound.key for wrong in validated.wrong):
            continue
        at = laxer(bound, value_of(validated.tables, bound.key), goal=goal)
        if at is not None:
            yield bound, at


def _is_unset(merged: Merged, key: Key) -> bool:
    return all(origin.source.kind in UNSET for name, origin in merged.origins.items() if name[:2] == key)


def _told(bound: Bound, at: Key, value: Any) -> str:
    shown = value[at[2]] if len(at) > 2 else value
    if shown is None:
        return f"is not set; the policy demands {bound.in_words}"
    return f"{written(shown)} is laxer than the policy, which demands {bound.in_words}"


def _layer(stricter: dict[Key, tuple[Any, str]]) -> Layer:
    tree: dict[str, Any] = {}
    origins: dict[Key, Origin] = {}
    for key, (value, where) in stricter.items():
        tree.setdefault(str(key[0]), {})[key[1]] = value
        origins[key] = Origin(source=Source(kind="policy", where=f"policy, {where}"))
    return Layer(tree=tree, origins=origins)
