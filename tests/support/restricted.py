"""Permissions that count even when the tests run as root."""

from __future__ import annotations

import os
import sys

# PR_CAPBSET_DROP of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (prctl(2), capabilities(7)): after the exec root has them
# no more, and file modes apply to it as to anybody.
DROP = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for capability in (1, 2):
    if libc.prctl(24, capability, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_CAPBSET_DROP")
os.execv(sys.argv[1], sys.argv[1:])
"""


def without_override() -> list[str]:
    """What to put before a command (given by its absolute path) so that it may not pass over file modes."""
    return [sys.executable, "-c", DROP] if os.geteuid() == 0 else []
