"""`python -m chaos --moments 20 --seed 1 --engine host`: a table of kills, and what became of each run."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from chaos.harness import chaos_project, disturbed, moments, undisturbed


def main() -> int:
    """Print one row per case; exit code 1 when any final state differs or anything was left running."""
    parser = argparse.ArgumentParser(prog="python -m chaos")
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["host", "docker"], default="host")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlops-ci-chaos-") as folder:
        project = chaos_project(Path(folder) / "project")
        undisturbed(project, arguments.engine)  # fills the caches, so that the next one is timed like the others
        expected, seconds = undisturbed(project, arguments.engine)
        print(f"undisturbed: {seconds:.1f} s, {expected}\n")
        print("| at (s) | killed | left after 10 s | same final state | tries |\n| --- | --- | --- | --- | --- |")
        bad = 0
        for moment in moments(arguments.moments, arguments.seed):
            case = disturbed(project, arguments.engine, moment, seconds)
            same = case.state == expected
            bad += bool(case.left) or not same
            left = "; ".join(case.left) or "nothing"
            print(f"| {case.at:.2f} | {case.killed} | {left} | {'yes' if same else 'NO'} | {case.tries} |", flush=True)
            if not same:
                print({key: value for key, value in case.state.items() if value != expected[key]})
        print(f"\n{arguments.moments - bad} of {arguments.moments} cases as they must be")
        return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
