"""Finds the machine's running testbed, so that `pytest` alone uses it too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .testbed import bed
from .testbed.authorities import CA_BUNDLE
from .testbed.state import State

TESTBED = "run `bin/testbed install` and `bin/testbed start`"


def pytest_configure() -> None:
    """Set what the running testbed exports; variables that are set already stay as they are."""
    state = State.default()
    if (state.root / "services").is_dir() and os.access(state.root, os.R_OK | os.X_OK):
        for name, value in bed.environment(state).items():
            os.environ.setdefault(name, value)


def found_or_skip(program: Path | str | None, name: str) -> Path:
    """The program that a test is about; the test is skipped, with the reason, where there is none."""
    if program is None:
        pytest.skip(f"there is no `{name}` here: {TESTBED}")
    return Path(program)


@pytest.fixture(scope="session")
def ca_bundle() -> Path:
    """The machine's certificate authorities: what builds need to reach a package index through a TLS proxy."""
    if not CA_BUNDLE.exists():
        pytest.skip(f"there is no {CA_BUNDLE}: install the package ca-certificates")
    return CA_BUNDLE
