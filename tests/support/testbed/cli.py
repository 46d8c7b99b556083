"""`bin/testbed`: install, start, stop and describe the real components that the tests run against."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from . import bed
from .errors import BedError
from .state import State

DESCRIPTION = """Installs and runs real servers on a Debian 12 machine for the tests: two Docker engines, an image
registry, S3 (SeaweedFS), MLflow, and a Trivy database. The state lies in MLOPS_CI_TESTBED (default:
/var/lib/mlops-ci-testbed); testbeds with different state directories run side by side."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 3 when something needed is missing or does not start."""
    parser = _parser()
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.services) - set(bed.NAMES) - ({bed.TORCH} if options.command == "install" else set()))
    if unknown:
        parser.error(f"no such service: {' '.join(unknown)}; there are {' '.join(bed.NAMES)}")
    state = State.default()
    try:
        _run(options.command, options.services, state)
    except BedError as problem:
        _say(str(problem))
        if problem.hint:
            _say(f"next: {problem.hint}")
        return 3
    except PermissionError as problem:
        _say(f"{problem}; run as root, or set MLOPS_CI_TESTBED to a folder of your own")
        return 3
    return 0


def _run(command: str, services: Sequence[str], state: State) -> None:
    if command == "env":
        for name, value in bed.environment(state).items():
            print(f"export {name}={shlex.quote(value)}")
    elif command == "status":
        for name, text in bed.status(state).items():
            print(f"{name:18} {text}")
    else:
        _change(command, services, state)


def _change(command: str, services: Sequence[str], state: State) -> None:
    with state.lock():
        if command == "install":
            bed.install(state, services or bed.DEFAULT, _say)
        elif command == "start":
            bed.start(state, services or bed.DEFAULT, _say)
        elif command == "stop":
            bed.stop(state, services or bed.NAMES)
        elif command == "remove":
            bed.remove(state)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="testbed", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    default = " ".join(bed.DEFAULT)
    for name, summary, takes_services in (
        (
            "install",
            f"install what the services need (default: {default}), or `torch`; says nothing when all is there",
            True,
        ),
        ("start", f"start services and wait until they answer (default: {default})", True),
        ("stop", "stop services and all they started (default: every service)", True),
        ("status", "say what runs", False),
        ("env", "print `export NAME=value` lines for the services that run", False),
        ("remove", "stop everything and delete the state directory (Debian packages stay)", False),
    ):
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(services=[])
        if takes_services:
            command.add_argument("services", nargs="*", metavar="SERVICE", help=" ".join(bed.NAMES))
    return parser


def _say(text: str) -> None:
    print(f"testbed: {text}", file=sys.stderr, flush=True)
