"""Stands for the command line tool in tests that kill it: one job, its lines and its end printed as JSON lines."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from support.engine_jobs import Place


def main(arguments: list[str]) -> None:
    """Arguments: engine, ref, folder, script file, job options as JSON."""
    name, ref, folder, script, options = arguments
    # The way in which the command line tool takes SIGTERM.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    place = Place(name=name, ref=ref, folder=Path(folder))
    result = place.engine().run(place.job(Path(script).read_text(), **json.loads(options)), tell)
    print(json.dumps({"result": asdict(result)}), flush=True)


def tell(line: str) -> None:
    print(json.dumps({"line": line}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
