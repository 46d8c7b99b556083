"""build, verify and train are the pipeline; tests, lint, docs, bench, chaos, update and release are the project itself.

The sessions need nothing of ours installed: they make one environment from the hash-pinned lock and share it. uv is
used where it is there, pip and venv otherwise. A session of the pipeline ends with the pipeline's exit code.
"""

# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.2.9"]
# ///

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["build", "verify", "train"]
nox.options.stop_on_first_error = True
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
REQUIREMENTS = ROOT / "requirements"
DEV = "dev.lock"
TOOL = "tool.lock"
# An index behind a TLS proxy is trusted by the system's authorities only; uv has its own, unless it is told (the second
# is the older name).
SYSTEM_CERTIFICATES = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
# Many tests wait for something to end: three at a time even on the smallest machine. They start in the order in which
# they are collected, whole runs before unit tests, so that the longest do not come last.
AT_A_TIME = max(3, min(6, (os.cpu_count() or 2) // 2))
LANES = (f"--numprocesses={AT_A_TIME}", "--no-loadscope-reorder")
EXAMPLES = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "examples" / "github").glob("*.yml"))]


def environment(session: nox.Session, name: str, locks: tuple[str, ...]) -> Path:
    """The Python of the environment `.nox/NAME`, made from the locks, or reused while they are the same."""
    folder = ROOT / ".nox" / name
    python = folder / "bin" / "python"
    inputs = [ROOT / "pyproject.toml", *(REQUIREMENTS / lock for lock in locks)]
    key = hashlib.sha256(sys.version.encode() + b"".join(path.read_bytes() for path in inputs)).hexdigest()
    marker = folder / "complete"
    if marker.exists() and marker.read_text() == key:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    session.log(f"making the environment .nox/{name} (once)")
    uv = shutil.which("uv")
    if uv:
        session.run(uv, "venv", "--quiet", "--python", sys.executable, str(folder), external=True, silent=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        session.run(sys.executable, "-m", "venv", str(folder), external=True, silent=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        # A large part of the packages is never imported. What is gets compiled then, unless that is switched off:
        # compiling all of it is half the time of this step.
        install = [word for word in install if word != "--no-compile"] + (["--compile-bytecode"] if uv else [])
    for lock in locks:
        locked = ["--require-hashes", "-r", str(REQUIREMENTS / lock)]
        session.run(*install, *locked, external=True, silent=True, env=SYSTEM_CERTIFICATES)
    editable = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    session.run(*install, *editable, external=True, silent=True, env=SYSTEM_CERTIFICATES)
    marker.write_text(key)
    return python


def pipeline(session: nox.Session, *stages: str) -> None:
    """Run stages of the pipeline; the session ends with their exit code, which nox then hands on."""
    python = environment(session, "mlops-ci", (TOOL,))
    child = subprocess.Popen([python, "-m", "mlops_ci", "run", *stages, *session.posargs])
    while True:
        try:
            code = child.wait()
            break
        except KeyboardInterrupt:
            # The child got the Ctrl-C too, and saves its state before it ends.
            continue
    if code != 0:
        session.warn(f"mlops-ci ended with exit code {code}")
        raise SystemExit(code)


@nox.session(venv_backend="none")
def build(session: nox.Session) -> None:
    """Plan, build the images, run the user's own checks."""
    pipeline(session, "plan", "build", "check")


@nox.session(venv_backend="none")
def verify(session: nox.Session) -> None:
    """Scan, prepare the data, verify that this node may train."""
    pipeline(session, "scan", "prepare", "verify")


@nox.session(venv_backend="none")
def train(session: nox.Session) -> None:
    """Train, evaluate, publish, promote, report."""
    pipeline(session, "train", "evaluate", "publish", "promote", "report")


@nox.session(venv_backend="none", default=False)
def tests(session: nox.Session) -> None:
    """The project's tests; a test whose component is not on this machine is skipped with the reason."""
    python = environment(session, "tests", (TOOL, DEV))
    session.run(str(python), "-m", "pytest", *(session.posargs or ["tests", *LANES]), external=True)


@nox.session(venv_backend="none", default=False)
def lint(session: nox.Session) -> None:
    """Formatting, lint, types, layers, workflow security, changelog fragments."""
    python = environment(session, "tests", (TOOL, DEV))
    tools = python.parent
    path = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}

    def tool(name: str, *arguments: str) -> None:
        session.run(str(tools / name), *arguments, external=True, env=path)

    tool("ruff", "format", "--check", ".")
    tool("ruff", "check", ".")
    tool("mypy", "--strict", "src/mlops_ci")
    tool("lint-imports")
    tool(
        "zizmor",
        "--offline",
        "--no-progress",
        "--persona",
        "pedantic",
        "--config",
        ".github/zizmor.yml",
        ".github",
        *EXAMPLES,
    )
    # The called file uses no cache.
    tool("actionlint", "-ignore", "no explicit cache access limit", *EXAMPLES)
    tool("actionlint")
    tool("mlops-ci", "render", "github", "--check")
    session.run(str(python), "bin/check_sizes.py", external=True)


@nox.session(venv_backend="none", default=False)
def docs(session: nox.Session) -> None:
    """The generated pages are fresh, and the site builds strictly."""
    python = environment(session, "tests", (TOOL, DEV))
    session.run(str(python), "bin/generate_docs.py", "--check", external=True)
    session.run(str(python.parent / "zensical"), "build", "--strict", "--clean", external=True)


@nox.session(venv_backend="none", default=False)
def bench(session: nox.Session) -> None:
    """The benchmarks: ratios and counts, printed as Markdown tables."""
    python = environment(session, "tests", (TOOL, DEV))
    session.run(str(python), "-m", "bench", *session.posargs, external=True, env={"PYTHONPATH": "tests"})


@nox.session(venv_backend="none", default=False)
def chaos(session: nox.Session) -> None:
    """Kill the pipeline at seeded moments and look at what is left: `nox -s chaos -- --moments 20 --seed 1`."""
    python = environment(session, "tests", (TOOL, DEV))
    session.run(str(python), "-m", "chaos", *session.posargs, external=True, env={"PYTHONPATH": "tests"})


@nox.session(venv_backend="none", default=False)
def update(session: nox.Session) -> None:
    """Refresh locks, base images and tools; nothing younger than seven days is taken, and what moved is printed."""
    python = environment(session, "tests", (TOOL, DEV))
    session.run(str(python), "bin/update_locks.py", *(session.posargs or ["--upgrade"]), external=True)
    if not session.posargs:
        session.run(str(python), "bin/update_bases.py", external=True)


@nox.session(venv_backend="none", default=False)
def release(session: nox.Session) -> None:
    """A step of a release, or all of it on trial: `nox -s release -- --dry-run 1.2.3`."""
    python = environment(session, "tests", (TOOL, DEV))
    session.run(str(python), "bin/release.py", *session.posargs, external=True)
