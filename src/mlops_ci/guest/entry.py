"""`python mlops-guest.pyz run TASK_JSON` and `python mlops-guest.pyz leash -- ARGV...`.

Standard input is the leash: a pipe whose other end the control side holds for as long as it wants the job to run. Each
of the guest's processes loads only what it needs: within a zipapp every module is compiled anew.
"""

from __future__ import annotations

import sys

USAGE = "usage: mlops-guest.pyz run TASK_JSON | leash -- ARGV...\n"
WRONG_USAGE = 2


def main(arguments: list[str]) -> int:
    """The exit code: the outcome's, or that of the program on the leash (128 + signal for a killed one)."""
    kind, count = arguments[0] if arguments else "", len(arguments)
    if kind == "run" and count == 2:
        from pathlib import Path

        from mlops_ci.guest import work

        return work.run(Path(arguments[1]))
    if kind == "leash" and count > 2 and arguments[1] == "--":
        from mlops_ci.guest import work

        return work.leash(arguments[2:])
    if kind in ("convert", "notebook", "rank", "probe"):
        return _within(kind, arguments[1:])
    sys.stderr.write(USAGE)
    return WRONG_USAGE


def _within(kind: str, arguments: list[str]) -> int:
    """What the guest starts inside of a job: another part of itself, in a process of its own."""
    if kind == "convert":
        from mlops_ci.guest import weights

        return weights.main(arguments)
    if kind == "notebook":
        from mlops_ci.guest import notebook

        return notebook.main(arguments)
    if kind == "rank":
        from mlops_ci.guest.ranks import guardian

        return guardian.main(arguments)
    from mlops_ci.guest.health import probe

    return probe.main(arguments)
