"""Has a night something to do? The fingerprints of today against those of the last successful run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from mlops_ci.nightly.stamps import Ended
from mlops_ci.records.plan import Freshness
from mlops_ci.run.clock import parse
from mlops_ci.settings.units import Duration

PARTS = ("data", "code", "image", "base image", "settings")
Parts = Mapping[str, str | None]


def decide(parts: Parts, last: Ended | None, *, now: datetime, max_age: Duration, forced: str | None) -> Freshness:
    """Whether to run, and why. `forced` says who asked for it in any case; `last` is the last successful run."""
    if last is None:
        why = f"forced: {forced}" if forced else "no earlier successful run is known"
        return Freshness(due=True, why=why, parts=parts)
    unknown = [name for name in parts if parts[name] is None]
    changed = [name for name in parts if name not in unknown and parts[name] != last.parts.get(name)]
    unchanged = [name for name in parts if name not in unknown and name not in changed]
    age = now - parse(last.at)
    since = f"run {last.run} of {last.at[:16].replace('T', ' ')} UTC"
    due, why = True, ""
    if forced:
        why = f"forced: {forced}"
    elif changed:
        why = f"new since {since}: {', '.join(changed)}"
    elif unknown:
        why = f"whether {' and '.join(unknown)} changed since {since} can only be told by fetching: it counts as new"
    elif age > timedelta(seconds=max_age):
        why = f"forced by age: {since} is older than {max_age.written}, although nothing is new"
    else:
        due, why = False, f"nothing is new since {since}: same {_listed(unchanged)}"
    return Freshness(
        due=due,
        why=why,
        parts=parts,
        changed=tuple(changed),
        unchanged=tuple(unchanged),
        last_run=last.run,
        last_at=last.at,
    )


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
