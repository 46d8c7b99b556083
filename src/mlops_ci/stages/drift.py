"""The data of a night against that of the last successful one, where `[nightly] drift` asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_ci.errors import GateError
from mlops_ci.files import write_json
from mlops_ci.nightly.drift import compare
from mlops_ci.nightly.profile import Profile, profile_of
from mlops_ci.nightly.stamps import StampDamagedError
from mlops_ci.records.codec import to_json
from mlops_ci.records.prepare import Drift, PrepareOutputs
from mlops_ci.stages import night
from mlops_ci.stages.session import Session
from mlops_ci.stores.errors import StoreAccessError

MARKS = {"shifted": "✗", "SKIP": "-"}
SHOWN = 10


class DriftedError(GateError):
    """The data has shifted since the last successful night, and `[nightly] drift = "gate"` stops the training."""

    def __init__(self, why: str, outputs: PrepareOutputs) -> None:
        super().__init__(
            why,
            hint="look at the data; if it is meant to be so, run the night once with --set nightly.drift=report: its "
            "data is then what later nights are compared with",
        )
        self.outputs = outputs


def inputs(session: Session) -> Mapping[str, Any]:
    """What the comparison adds to the stage's inputs: nothing where nobody asks for it."""
    nightly = session.settings.tables.nightly
    return {"drift": [nightly.drift, *nightly.drift_ignore]} if _wanted(session) else {}


def looked_at(session: Session, outputs: PrepareOutputs) -> PrepareOutputs:
    """The outputs with the comparison in them. Raises `DriftedError` when it is a gate and the data has shifted."""
    if not _wanted(session) or outputs.data is None:
        return outputs
    settings = session.settings.tables.nightly
    today = profile_of(
        Path(outputs.data), run=session.run.id, data_digest=outputs.data_digest, ignore=settings.drift_ignore
    )
    path = session.run.path("prepare", "profile.json")
    write_json(path, to_json(today))
    reference, unread = _reference(session)
    found = compare(reference, today)
    # Could not be compared is never "has not shifted".
    found = replace(found, why=unread or found.why, profile=session.run.file(path))
    _tell(session, found)
    outputs = replace(outputs, drift=found)
    if settings.drift == "gate" and found.verdict == "shifted":
        raise DriftedError(f"the data has drifted: {found.why}", outputs)
    return outputs


def _wanted(session: Session) -> bool:
    return night.is_night(session.settings) and session.settings.tables.nightly.drift is not None


def _reference(session: Session) -> tuple[Profile | None, str]:
    """The profile to compare with; where it may not be read, the reason. A store that is down is tried again later."""
    try:
        return night.stamps(session.settings, session.workspace).profile(), ""
    except (StoreAccessError, StampDamagedError) as error:
        session.console.annotate("warning", "drift: nothing to compare with", f"{error.cause}\n{error.hint}")
        return None, error.cause


def _tell(session: Session, found: Drift) -> None:
    session.console.say(f"drift: {found.verdict}: {found.why}")
    for one in found.tests[:SHOWN]:
        value = f" {one.value:.4g} (limit {one.limit:.4g})" if one.value is not None and one.limit is not None else ""
        session.console.say(f"{MARKS.get(one.status, '✓')} {one.column}: {one.test}{value} {one.why}".rstrip())
