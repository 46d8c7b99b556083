"""Puts `mlops-ci` of the checkout that this file lies in on PATH, with the requirements of its hash-pinned lock.

Standard library only; any Python from 3.8 on may start it, 3.11 or newer must be on the machine. The environment is
made once per lock and interpreter, and kept in the runner's tool cache. MLOPS_CI_ENVIRONMENT names one that a runner's
image brings along: it is used when it holds exactly the locked versions.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "requirements" / "tool.lock"
OLDEST = (3, 11)
CANDIDATES = ("python3.11", "python3.12", "python3.13", "python3.14", "python3")
FULL_COMMIT = re.compile(r"[0-9a-f]{40}")
# `name==1.2 ; marker \`: how uv and pip-tools write a pin.
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)\s*(?:;\s*([^\\]+?))?\s*\\?$", re.MULTILINE)
# Names and versions as installers write them into the names of folders: reading all metadata takes five times as long.
ASK = """
import json, os, re, sys
found = {}
for place in filter(os.path.isdir, sys.path):
    for name in sorted(os.listdir(place)):
        one = re.fullmatch(r"(.+)-([^-]+)[.]dist-info", name)
        if one:
            found.setdefault(re.sub("[-_.]+", "-", one[1]).lower(), one[2])
print(json.dumps([list(sys.version_info[:3]), found]))
"""
HOLDS = """
import json, sys
from packaging.markers import Marker
print(json.dumps([not one or Marker(one).evaluate() for one in json.load(sys.stdin)]))
"""


def main() -> int:
    """Check the commit, find or make the environment, write the launcher; 3 when this machine lacks something."""
    try:
        check_commit(os.environ.get("MLOPS_CI_SETUP_REF", ""))
        python = environment()
    except Unusable as problem:
        print(f"::error title=mlops-ci setup (exit 3)::{problem}")
        return 3
    launcher(python)
    print(f"mlops-ci of {ROOT} with {python}")
    return 0


class Unusable(Exception):  # noqa: N818  # it reads as what it is
    """Something that the user must put right."""


def check_commit(ref: str) -> None:
    """The checkout must be of the commit that was asked for: an empty repository would give the caller's own."""
    if not LOCK.is_file():
        raise Unusable(f"{ROOT} is no checkout of mlops-ci: is bundle-repository right?")
    if not FULL_COMMIT.fullmatch(ref):
        return
    argv = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "rev-parse", "HEAD"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stdout.strip() != ref:
        raise Unusable(f"the checkout is of {done.stdout.strip() or 'no commit'}, and {ref} was asked for")


def environment() -> str:
    """The interpreter of an environment with the locked requirements."""
    given = os.environ.get("MLOPS_CI_ENVIRONMENT")
    if given:
        python = str(Path(given) / "bin" / "python")
        check_environment(python)
        return python
    base = interpreter()
    key = hashlib.sha256(LOCK.read_bytes() + version_of(base).encode() + os.fsencode(os.path.realpath(base)))
    folder = cache() / f"environment-{key.hexdigest()[:20]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Two jobs of one machine make it once; a kill in the middle leaves no marker, and the next one begins anew.
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(base, folder)
            (folder / "complete").touch()
    return str(folder / "bin" / "python")


def cache() -> Path:
    """Where environments are kept."""
    for name in ("MLOPS_CI_TOOL_CACHE", "RUNNER_TOOL_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]) / "mlops-ci"
    return Path.home() / ".cache" / "mlops-ci"


def interpreter() -> str:
    """A Python that is new enough, with its venv module."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for name in CANDIDATES:
        path = shutil.which(name)
        if path and tuple(int(part) for part in version_of(path).split(".")[:2]) >= OLDEST:
            return path
    raise Unusable("no Python 3.11 or newer on this machine: install one, or name it with the input python")


def version_of(python: str) -> str:
    """`3.11.2`, or `0.0` for what cannot be started."""
    argv = [python, "-c", "import platform; print(platform.python_version())"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "0.0"


def make(base: str, folder: Path) -> None:
    """Install the lock, by uv where it is there, else by pip."""
    uv = shutil.which("uv")
    python = str(folder / "bin" / "python")
    if uv:
        steps = [
            [uv, "venv", "--quiet", "--python", base, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(LOCK)],
        ]
    else:
        options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes"]
        if not os.environ.get("PYTHONDONTWRITEBYTECODE"):
            # As uv does it: what a job imports gets compiled then; the most of it, no job imports.
            options.append("--no-compile")
        steps = [
            [base, "-m", "venv", str(folder)],
            [python, "-m", "pip", "install", *options, "-r", str(LOCK)],
        ]
    # An index behind a TLS proxy is trusted by the system's authorities only; uv has its own, unless it is told.
    around = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true", **os.environ}
    for argv in steps:
        if subprocess.run(argv, check=False, env=around).returncode != 0:
            raise Unusable(f"`{' '.join(argv[:4])} ...` failed: see above; is the package index reached from here?")


def check_environment(python: str) -> None:
    """An environment that the machine brings along must hold exactly what the lock names."""
    try:
        done = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unusable(f"MLOPS_CI_ENVIRONMENT has no Python that starts: {error}") from error
    if done.returncode != 0:
        raise Unusable(f"MLOPS_CI_ENVIRONMENT has no Python that starts: {python}")
    version, found = json.loads(done.stdout)
    if tuple(version[:2]) < OLDEST:
        raise Unusable(f"MLOPS_CI_ENVIRONMENT has Python {version}, and 3.11 or newer is needed")
    pins = PIN.findall(LOCK.read_text(encoding="utf-8"))
    markers = json.dumps([marker for _, _, marker in pins])
    done = subprocess.run([python, "-c", HOLDS], input=markers, capture_output=True, text=True, check=False)
    wanted = json.loads(done.stdout) if done.returncode == 0 else [True] * len(pins)
    wrong = [
        f"{name} {found.get(plain(name), 'missing')}, not {pin}"
        for (name, pin, _), needed in zip(pins, wanted)
        if needed and found.get(plain(name)) != pin
    ]
    if wrong:
        raise Unusable(f"MLOPS_CI_ENVIRONMENT is not what {LOCK.name} says: {'; '.join(wrong[:5])}")


def plain(name: str) -> str:
    """The name as distributions compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def launcher(python: str) -> None:
    """A command of this checkout alone: no other job's, and nothing is written into the shared environment."""
    folder = Path(os.environ.get("RUNNER_TEMP") or tempfile.gettempdir()) / "mlops-ci-bin"
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / "mlops-ci"
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}/src${{PYTHONPATH:+:$PYTHONPATH}}" exec "{python}" -P -m mlops_ci "$@"\n'
    )
    command.chmod(0o755)
    for name, text in (("GITHUB_PATH", str(folder)), ("GITHUB_OUTPUT", f"python={python}")):
        if os.environ.get(name):
            with Path(os.environ[name]).open("a", encoding="utf-8") as stream:
                stream.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
