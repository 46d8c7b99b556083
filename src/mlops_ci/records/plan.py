"""Outputs of the plan stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from mlops_ci.records.marks import VOLATILE


@dataclass(frozen=True, kw_only=True)
class PlannedImage:
    """A layer's image: `ref` is what will run (an image reference, or `env:PATH` on the host engine)."""

    ref: Annotated[str, VOLATILE]
    content_key: str
    action: Annotated[Literal["build", "reuse"], VOLATILE]
    why: Annotated[str, VOLATILE]


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """What a nightly run found against the last successful one. `due`: it has something to do; `why` says so in a line.

    `parts` are the fingerprints (data, code, image, base image, settings), null where only fetching can tell. `changed`
    and `unchanged` name them. `last_run` and `last_at` (its end) are null when no successful run is known.
    """

    due: bool
    why: str
    parts: Mapping[str, str | None]
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    last_run: Annotated[str | None, VOLATILE] = None
    last_at: Annotated[str | None, VOLATILE] = None


@dataclass(frozen=True, kw_only=True)
class PlannedPolicy:
    """A policy that bounds the settings."""

    source: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class GuardedChange:
    """What a pull request does to a setting that decides what may pass; `before` and `after` are TOML.

    A change in its file holds only after the merge; one from the environment or the command line is `in_force`.
    """

    key: str
    before: str
    after: str
    where: str
    in_force: bool


@dataclass(frozen=True, kw_only=True)
class PlanOutputs:
    """`nothing_new`: what the run is made from equals that of an earlier run: of the last successful night (see
    `freshness`), or, in other modes, of one that this directory holds.

    `runners`: labels by class of machine. `nodes`: machines that are looked at, each in a job of its own, as name to
    labels; null where there is no such list. `variants`: further builds of PyTorch whose images are made beside, each
    in a job of its own. `left_out`: stages that no job of the pipeline runs, with the reason.
    `canary`: the overlay with which a night runs a second cell beside its own, null where it runs none. `sweep`: what a
    sweep will try, in words.
    `bounds`: dotted setting to what `policies` demand of it. `base`: the commit of a pull request from which guarded
    settings came; `base_notice` is why they are the defaults instead.
    """

    images: Mapping[str, PlannedImage]
    data_digest: str | None
    trusted: bool
    runner: str
    nothing_new: bool
    trusted_because: Annotated[str, VOLATILE] = ""
    runners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, tuple[str, ...]] | None = None
    variants: tuple[str, ...] = ()
    freshness: Freshness | None = None
    canary: str | None = None
    sweep: str = ""
    policies: tuple[PlannedPolicy, ...] = ()
    bounds: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None
    base_notice: str = ""
    guarded_changes: tuple[GuardedChange, ...] = ()
