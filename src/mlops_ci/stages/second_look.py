"""After a training on GPUs: what the driver tells of them now, and what its counters gained meanwhile, as warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlops_ci.errors import MlopsError
from mlops_ci.guest.health.check import check_of
from mlops_ci.guest.health.load import total_of
from mlops_ci.stages import verify
from mlops_ci.stages.health import LOG
from mlops_ci.stages.host_look import look as look_at_host
from mlops_ci.stages.session import Session
from mlops_ci.training.outcome import JobError

Row = Mapping[str, Any]
ADVICE = "Have this GPU, its slot, its links and its cooling looked at if that comes back"


def second_look(session: Session) -> tuple[str, ...]:
    """All that is worth a warning; nothing of it takes a good training back."""
    try:
        checks: Sequence[Row] = verify.look(session, "static", after=True).checks
    except JobError as error:
        checks = error.outcome.checks
    except MlopsError as error:
        # A good training is not lost because nobody could look at the GPUs afterwards.
        return (f"nobody could look at the GPUs after the training: {error.cause}",)
    if session.engine.name == "docker":
        checks = [*(one for one in checks if one["id"] != LOG), *_log_of_the_host(session.gpus, checks)]
    before = _before(session)
    found = (
        f"after the training, {one['id']}: {one['cause']}. {one['advice']}"
        for one in checks
        if one["status"] in ("WARN", "BLOCK") and str(one["id"]).startswith(verify.AFTERWARDS) and news(before, one)
    )
    return (*found, *gained(before, checks))


def news(before: Sequence[Row], one: Row) -> bool:
    """False for a line of the kernel's log that verify told already: what happened before is not the training's."""
    told = next((row for row in before if row["id"] == one["id"] == LOG), None)
    return told is None or any(told.get(key) != one.get(key) for key in ("evidence", "cause"))


def gained(before: Sequence[Row], after: Sequence[Row]) -> Iterator[str]:
    """What the driver's counters gained between two looks at the same GPU, where it is more than the check's limit."""
    first = {(one["id"].rpartition(".")[0], one["uuid"]): total_of(check_of(one)) for one in before if one.get("uuid")}
    for one in after:
        if not one.get("uuid"):
            continue
        name = str(one["id"]).rpartition(".")[0]
        then, now = first.get((name, one["uuid"])), total_of(check_of(one))
        if then is not None and now is not None and now - then > float(one["limit"] or 0):
            yield f"during the training, {name}: {now - then} {one['unit']} on {one['uuid']}. {ADVICE}"


def _before(session: Session) -> Sequence[Row]:
    """The checks in the record of verify."""
    record = session.run.record("verify")
    return () if record is None else tuple(record.outputs.get("checks") or ())


def _log_of_the_host(gpus: int, checks: Sequence[Row]) -> list[Row]:
    """The kernel's log of the GPUs that these checks are about: most containers cannot read it."""
    own = [one for one in checks if one["id"] == LOG and one["status"] != "SKIP"]
    uuids = sorted({str(one["uuid"]) for one in checks if one.get("uuid")})
    return own or [one.as_json() for one in look_at_host(gpus).after(uuids) if one.id == LOG]
