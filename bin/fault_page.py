"""The page of faults: what is done to a run, what must come of it, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from chaos.fault_table import Fault, faults, seen

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

INTRODUCTION = """\
Each of these faults is played in a whole run of real processes, against a real MLflow server and a real S3 server
behind a proxy that misbehaves, or in the user's own script. There is a champion already, and the run trains a better
model. Then the same command is given once more without the fault, where it had failed. *Final state* is compared with
that of a run that nobody disturbed: records, metrics, MLflow's runs, points, models, versions and aliases, objects,
unfinished uploads. Nothing may be published by halves in between: no manifest that names what is not there, no champion
without a manifest.

`nox -s chaos -- --faults` plays all of them, `nox -s chaos -- --faults NAME ...` some; `--keep` notes what came of them
for this page. The tests play a sample. The table is data (`tests/chaos/faults.toml`).

*Who retries*: *inside*, the tool itself got over it within the one call; *the same command*, whoever started it gives
it again; *nobody*, since trying again gives the same answer.
"""


def faults_page(table: Table) -> str:
    """All faults, by where they happen."""
    got = seen()
    parts = ["# Faults that are played", INTRODUCTION]
    for title, on, begin in (
        ("S3, while a model is published", "s3", "evaluate"),
        ("S3, while the champion is fetched", "s3", "verify"),
        ("MLflow", "mlflow", ""),
        ("The training", "train", ""),
        ("The evaluation", "evaluate", ""),
    ):
        rows = [_row(one, got.get(one.name)) for one in faults() if one.on == on and one.begin.startswith(begin)]
        head = ("fault", "what is done", "class", "exit code", "who retries", "final state", "got")
        parts += [f"## {title}", table(head, rows)]
    return "\n\n".join(part.rstrip() for part in parts)


def _row(fault: Fault, got: tuple[object, ...] | None) -> Sequence[str]:
    class_, code, retry, final = fault.expected
    told = "not played" if got is None else "as expected" if got == fault.expected else ", ".join(map(str, got))
    return (f"`{fault.name}`", fault.what, f"`{class_}`", str(code), retry, final, told)
