"""The health check of the container: does the scheduler still look at the clock?"""

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

# A scheduler that has not looked for so long hangs. Seconds.
STALE = 60.0


def heartbeat() -> Path:
    """The file that the scheduler touches."""
    return Path(tempfile.gettempdir(), "mlops-train.heartbeat")


def check(environ: Mapping[str, str]) -> int:
    """0 when all is well: a command that runs now is its own sign of life."""
    if not environ.get("MLOPS_SCHEDULE") and not environ.get("MLOPS_CRONTAB"):
        return 0
    try:
        age = time.time() - heartbeat().stat().st_mtime
    except OSError:
        print("the scheduler does not run", file=sys.stderr)
        return 1
    if age > STALE:
        print(f"the scheduler has not looked at the clock for {age:.0f} s (uid {os.getuid()})", file=sys.stderr)
        return 1
    return 0
