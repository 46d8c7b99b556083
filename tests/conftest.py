"""Fixtures on real components and rules about skipped tests, for every test."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

# How long an example takes says how busy the machine is, nothing else.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A shell without job control starts what runs in the background with interrupts ignored, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "pytester",
    "support.lanes",
    "support.skipped_tests",
    "support.fixtures_testbed",
    "support.fixtures_docker",
    "support.fixtures_servers",
    "support.fixtures_scanning",
    "support.fixtures_gitlab",
    "support.fixtures_runs",
]
