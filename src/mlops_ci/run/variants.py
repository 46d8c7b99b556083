"""The images of further builds of PyTorch, each made in a run of its own beside the one that was planned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import UsageError
from mlops_ci.run.nodes import Looked
from mlops_ci.run.run import BESIDE_ID, Run, open_run, run_ids


class OtherBuildError(UsageError):
    """A run that is named after one build of PyTorch is asked to make the images of another."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What the name of a run says that makes the images of another build."""

    planned: str
    variant: str


def beside(name: str | None) -> Beside | None:
    """What the name says, or None for one of any other run."""
    match = BESIDE_ID.fullmatch(name or "")
    return Beside(planned=match["planned"], variant=match["variant"]) if match else None


def named(run: str, variant: str) -> str:
    """The name of the run that makes the images of a build."""
    return f"{run}-{variant}"


def check(name: str | None, variant: str) -> None:
    """Raise `OtherBuildError` where a run of this name is not for this build."""
    found = beside(name)
    if found is not None and found.variant != variant:
        raise OtherBuildError(
            f"run {name} is for the images of {found.variant}, and this is {variant}",
            hint=f"say --variant {found.variant}, or leave --run out",
        )


def begins_beside(name: str | None, runs: Path) -> str | None:
    """The run beside which one of this name is to begin; None for one that is there, or is of any other kind."""
    found = beside(name)
    return found.planned if found is not None and name not in run_ids(runs) else None


def builds(run: Run) -> tuple[str, ...]:
    """The further builds that plan named, in its order."""
    plan = run.record("plan")
    return tuple(map(str, (plan.outputs.get("variants") if plan is not None else None) or ()))


def runs_of(run: Run) -> dict[str, Run]:
    """Build to the run that made its images, for each that is here."""
    runs = run.folder.parent
    known = set(run_ids(runs))
    return {one: open_run(runs, name) for one in builds(run) if (name := named(run.id, one)) in known}


def built(run: Run) -> tuple[Looked, ...]:
    """What the jobs of each of them left; no records where they left nothing."""
    there = runs_of(run)
    return tuple(Looked(name=one, records=there[one].records() if one in there else {}) for one in builds(run))


def handed_on_of(run: Run, found: Iterable[str]) -> tuple[str, ...]:
    """Of the runs that were handed on those beside this one that plan named."""
    there = set(found)
    return tuple(name for one in builds(run) if (name := named(run.id, one)) in there)
