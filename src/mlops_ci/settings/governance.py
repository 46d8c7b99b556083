"""What governs the settings from outside: policies that bound them, and the commit that a pull request is based on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Settings that decide what may pass, by table (None: all of it). In a pull request they come from the base commit: a
# change may not approve itself. Metric, goal, floor, margin and slices are one gate and go together.
GUARDED: Mapping[str, tuple[str, ...] | None] = {
    "policy": None,
    "scan": None,
    "signing": ("public-key", "identity", "issuer", "required", "models"),
    "verify": ("fail-on",),
    "train": ("allow-pickle",),
    "evaluate": (
        *("metric", "goal", "floor", "margin", "min-effect", "by", "also", "slices"),
        *("no-champion", "unloadable-champion", "changed-classes"),
    ),
    "publish": ("approval",),
}


@dataclass(frozen=True, kw_only=True)
class PolicyInForce:
    """A policy that was read and has the digest that it must have."""

    source: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """A guarded setting that is not as the base commit has it; `before` and `after` are TOML, without passwords.

    A change in the file is not `in_force` before it is merged; one from the environment or the command line is.
    """

    key: str
    before: str
    after: str
    where: str
    in_force: bool


@dataclass(frozen=True, kw_only=True)
class Governance:
    """`bounds`: dotted key to what the policies demand of it, in words. `engines`: those that they allow (None: all).

    `base` is the commit that guarded settings came from, None where no pull request is the reason for this run;
    `notice` says why it has none of them.
    """

    policies: tuple[PolicyInForce, ...] = ()
    bounds: Mapping[str, str] = field(default_factory=dict)
    engines: tuple[str, ...] | None = None
    base: str | None = None
    changes: tuple[Change, ...] = ()
    notice: str = ""
