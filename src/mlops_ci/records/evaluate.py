"""Outputs of the evaluate stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["promote", "keep", "review", "reject"]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate: `interval` is the confidence interval of `value` where there is one."""

    id: str
    verdict: Literal["pass", "fail", "review", "skip"]
    value: float | None = None
    limit: float | None = None
    interval: tuple[float, ...] | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes that a `model` says it knows, and those of the `data` that it was evaluated on; null: not known."""

    model: tuple[str, ...] | None
    data: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The model that the challenger was held against. `classes` are those of when it was published."""

    name: str
    version: str
    metrics: Mapping[str, float]
    data_digest: str | None
    classes: Classes | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluateOutputs:
    """`metrics` are the challenger's on the evaluation data; `champion` is null on the first run.

    `classes` are the challenger's and its data's, where they are known.
    """

    verdict: Verdict
    champion: Champion | None
    gates: tuple[Gate, ...]
    metrics: Mapping[str, float]
    why: str
    classes: Classes | None = None
