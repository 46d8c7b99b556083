"""Fixtures on real components and rules about skipped tests, for every test."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = [
    "pytester",
    "support.lanes",
    "support.skipped_tests",
    "support.fixtures_testbed",
    "support.fixtures_docker",
    "support.fixtures_servers",
    "support.fixtures_scanning",
]
