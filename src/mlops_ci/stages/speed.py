"""The speed of a training beside that of earlier ones on the same hardware, which MLflow remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_ci.errors import MlopsError
from mlops_ci.files import digest_of
from mlops_ci.records.codec import to_json
from mlops_ci.records.train import Throughput
from mlops_ci.stages.lineage import facts
from mlops_ci.stages.session import Session
from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.training.speed import Speed, limits, slower, speed_of

STEPS, EXAMPLES = "mlops.steps_per_second", "mlops.examples_per_second"
HARDWARE, WORK = "mlops.hardware", "mlops.work"


def look(
    session: Session,
    tracker: Tracker,
    tracked: TrackedRun,
    metrics: Path,
    devices: Sequence[Mapping[str, Any]],
    seconds: float,
) -> tuple[Throughput, tuple[str, ...]]:
    """What is recorded of the speed, and a warning where it is slower than before; losing MLflow costs nothing else."""
    found = speed_of(metrics)
    made = Throughput(
        steps_per_second=found.steps, examples_per_second=found.examples, hardware=hardware(devices), seconds=seconds
    )
    if found == Speed():
        return made, ()
    tags = {HARDWARE: made.hardware.replace("'", ""), WORK: work(session)}
    try:
        earlier = tracker.earlier(tracked, tags, (STEPS, EXAMPLES), most=limits().most)
        tracker.set_tags(tracked.run_id, tags)
        known = {STEPS: found.steps, EXAMPLES: found.examples}
        tracker.log_metrics(tracked.run_id, {name: value for name, value in known.items() if value is not None})
    except MlopsError as error:
        return made, (f"the speed could not be held against earlier trainings: {error.cause}",)
    # Examples say more than steps, whose size a script may change.
    name, value = (EXAMPLES, found.examples) if found.examples is not None else (STEPS, found.steps)
    said = slower(value, earlier[name])
    what = "examples" if name == EXAMPLES else "steps"
    return made, (f"slower than before on {made.hardware}: {what}, {said}",) if said else ()


def hardware(devices: Sequence[Mapping[str, Any]]) -> str:
    """The GPUs that were used, by their names, or the processor and how many of its cores the job had."""
    gpus = sorted(str(one.get("name", "GPU")) for one in devices if "uuid" in one)
    if gpus:
        return ", ".join(f"{gpus.count(name)} x {name}" for name in dict.fromkeys(gpus))
    return ", ".join(f"{one.get('cores', '?')} cores of {one.get('name', 'a processor')}" for one in devices)


def work(session: Session) -> str:
    """What must be the same for two speeds to be comparable: command, parameters, processes, engine, image's variant.

    Code and data may differ: it is their slowness that is looked for.
    """
    train = session.settings.tables.train
    same = [train.command, facts(session)["params"], train.processes, train.nodes, session.gpus, train.cpus]
    if session.settings.tables.sweep.on:
        same.append(to_json(session.settings.tables.sweep))
    return digest_of(to_json([*same, session.engine.name, session.variant]))[:16]
