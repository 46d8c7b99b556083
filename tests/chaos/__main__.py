"""`python -m chaos`: kills of the pipeline at seeded moments, as a table of what became of each run.

`--moments 20 --engine host` spreads kills over a whole run with the embedded servers; `--kills 200` puts them into the
stages train, evaluate, publish and promote, with a real MLflow server and a real S3 bucket; `--faults` plays the faults
of `faults.toml`; `--trainers` ends the examples of Lightning and Transformers in the middle, and lets them go on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from chaos.fault_table import faults, note
from chaos.faults import stage
from chaos.harness import chaos_project, disturbed, moments, undisturbed
from chaos.kills import STAGES, Bench, Kill, Outcome, kills
from chaos.servers import servers
from chaos.trainers import HEAD, cases, environment


def main() -> int:
    """Print one row per case; exit code 1 when any final state differs or anything was left running."""
    parser = argparse.ArgumentParser(prog="python -m chaos")
    parser.add_argument("--moments", type=int, default=20, help="kills over a whole run")
    parser.add_argument("--kills", type=int, default=0, help="instead: kills in train, evaluate, publish and promote")
    parser.add_argument(
        "--only", default="", metavar="A-B", help="of these kills the A-th to the B-th: a part of the work"
    )
    parser.add_argument(
        "--own-stage", action="store_true", help="each kill's run begins with its stage, not with train"
    )
    parser.add_argument("--faults", nargs="*", metavar="NAME", help="instead: these faults, all without a name")
    parser.add_argument("--trainers", action="store_true", help="instead: the examples of Lightning and Transformers")
    parser.add_argument("--keep", action="store_true", help="note what came of them for the page of the docs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["host", "docker"], default="host")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlops-ci-chaos-") as folder:
        if arguments.trainers:
            return _trainers(Path(folder))
        if arguments.faults is not None:
            return _faults(Path(folder), arguments.faults, keep=arguments.keep)
        if arguments.kills:
            first, _, last = (arguments.only or f"1-{arguments.kills}").partition("-")
            begins = STAGES if arguments.own_stage else STAGES[:1]
            with servers(Path(folder)) as both:
                bench = Bench(Path(folder, "bench"), both, engine=arguments.engine, from_=begins)
                wanted = range(int(first), int(last) + 1)
                return _kills(bench, [kill for kill in kills(arguments.kills, arguments.seed) if kill.number in wanted])
        return _moments(Path(folder), arguments.moments, arguments.seed, arguments.engine)


def _moments(folder: Path, count: int, seed: int, engine: str) -> int:
    project = chaos_project(folder / "project")
    undisturbed(project, engine)  # fills the caches, so that the next one is timed like the others
    expected, seconds = undisturbed(project, engine)
    print(f"undisturbed: {seconds:.1f} s, {expected}\n")
    print("| at (s) | killed | left after 10 s | same final state | tries |\n| --- | --- | --- | --- | --- |")
    bad = 0
    for moment in moments(count, seed):
        case = disturbed(project, engine, moment, seconds)
        same = case.state == expected
        bad += bool(case.left) or not same
        left = "; ".join(case.left) or "nothing"
        print(f"| {case.at:.2f} | {case.killed} | {left} | {'yes' if same else 'NO'} | {case.tries} |", flush=True)
        if not same:
            print({key: value for key, value in case.state.items() if value != expected[key]})
    print(f"\n{count - bad} of {count} cases as they must be")
    return 1 if bad else 0


def _kills(bench: Bench, wanted: list[Kill]) -> int:
    done: list[Outcome] = []
    print(f"undisturbed: {bench.expected}\n")
    print("| kill | killed | left after 10 s | differs | tries |\n| --- | --- | --- | --- | --- |")
    for kill in wanted:
        done.append(bench.case(kill))
        one = done[-1]
        left = "; ".join(one.left) or "nothing"
        print(f"| {kill.number} | {one.killed} | {left} | {one.differs or 'nothing'} | {one.tries} |", flush=True)
    good = Counter(one.kill.stage for one in done if one.good)
    print("\n| stage | kills | as undisturbed |\n| --- | --- | --- |")
    for name in STAGES:
        print(f"| {name} | {sum(one.kill.stage == name for one in done)} | {good[name]} |")
    print(f"\n{good.total()} of {len(done)} cases as they must be")
    return 0 if good.total() == len(done) else 1


def _faults(folder: Path, names: list[str], *, keep: bool) -> int:
    wanted = [one for one in faults() if not names or one.name in names]
    bad = 0
    with stage(folder) as it:
        print("| fault | expected | got |\n| --- | --- | --- |", flush=True)
        for fault in wanted:
            played = it.play(fault)
            bad += not played.good
            if keep:
                note({fault.name: played.got})
            print(f"| {fault.name} | {fault.expected} | {played.got if not played.good else 'the same'} |", flush=True)
            if not played.good:
                print(f"{played.detail}\n{played.said}", flush=True)
    print(f"\n{len(wanted) - bad} of {len(wanted)} faults as they must be")
    return 1 if bad else 0


def _trainers(folder: Path) -> int:
    print(HEAD, flush=True)
    bad = 0
    for case in cases(folder, environment()):
        bad += not case.good
        print(case.row + ("" if case.good else " NOT AS IT MUST BE"), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
