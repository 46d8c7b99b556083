"""Stands for a rank of the all-reduce, without torch: rank 1 does what SICK_RANK says, the other waits or ends."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

MARK = "MLOPS-RANK "


def main() -> None:
    kind, rank = os.environ["SICK_RANK"], int(os.environ["RANK"])
    print(MARK + json.dumps({"step": "import"}), flush=True)
    if not (kind == "slow" and rank == 1):
        print(MARK + json.dumps({"step": "meeting the others"}), flush=True)
    if rank == 1 and kind == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if rank == 1 and kind == "error":
        sys.exit("NCCL error: unhandled system error")
    if kind in ("crash", "error", "hang", "slow"):
        time.sleep(600)
    print(MARK + json.dumps({"step": "all-reduce"}))
    print(MARK + json.dumps({"wrong": 3 if rank == 1 and kind == "wrong" else 0, "elements": 1024, "busbw": 1.5}))


if __name__ == "__main__":
    main()
