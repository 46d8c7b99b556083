"""Makes the tool's environment in a GitLab job, and prints as shell commands what the job needs to use it.

The bundle is the checkout that this file lies in: the tool comes from that very commit, and what it needs from the
commit's hash-pinned lock. An environment that is there already is used again: MLOPS_CI_CACHE names a folder that
outlives the job, where a runner has one. Nothing but the standard library is needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

BUNDLE = Path(__file__).resolve().parents[2]
LOCK = BUNDLE / "requirements" / "tool.lock"
OLDEST = (3, 11)
MISSING, INFRASTRUCTURE = 3, 10
DONE = "complete"


def main() -> int:
    """Print the commands; the exit codes are those of the tool itself."""
    if sys.version_info < OLDEST:
        say(f"Python {'.'.join(map(str, OLDEST))} or newer is needed, and this job's `python3` is {sys.version}")
        say("next: name another image with the input `image`")
        return MISSING
    try:
        folder = environment()
    except subprocess.CalledProcessError as error:
        say(f"the environment of the tool cannot be made: `{shlex.join(error.cmd)}` ended with {error.returncode}")
        say("next: is the package index in reach of this runner (PIP_INDEX_URL, proxies)? Above is what it said")
        return INFRASTRUCTURE
    print(f'export PATH={shlex.quote(str(folder / "bin"))}:"$PATH"')
    for name, value in identity().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def environment() -> Path:
    """The folder of the environment for this commit and this Python, made when it is not there."""
    cache = Path(os.environ.get("MLOPS_CI_CACHE") or ".mlops/cache").absolute() / "tool"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / key()
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / DONE).exists():
            began = time.monotonic()
            make(folder)
            (folder / DONE).touch()
            say(f"made the environment of the tool in {time.monotonic() - began:.1f} s")
    return folder


def key() -> str:
    """The commit, what it needs, and the interpreter: another of these is another environment."""
    commit = output("git", "-C", str(BUNDLE), "rev-parse", "HEAD")
    return hashlib.sha256(f"{commit}\n{LOCK.read_text()}\n{sys.executable}\n{sys.version}".encode()).hexdigest()[:20]


def make(folder: Path) -> None:
    """A virtual environment with exactly what the lock names, and the tool."""
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv")
    if uv:
        run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python")]
    else:
        venv.create(folder, with_pip=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*install, "--require-hashes", "--requirement", str(LOCK))
    run(*install, "--no-deps", "--no-build-isolation", str(BUNDLE))


def identity() -> dict[str, str]:
    """The job's own identity as boto3 reads it: a role, and a file with the token, which only this job's user reads."""
    role, token = os.environ.get("MLOPS_CI_AWS_ROLE"), os.environ.get("MLOPS_CI_AWS_TOKEN")
    if not role or not token:
        return {}
    path = Path(".mlops/gitlab/aws-token").absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    session = f"gitlab-{os.environ.get('CI_JOB_ID', 'job')}"
    return {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_SESSION_NAME": session}


def run(*argv: str) -> None:
    """A command whose output belongs to the job's log, not to the commands that are printed."""
    subprocess.run(argv, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def output(*argv: str) -> str:
    """What a command says."""
    return subprocess.run(argv, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()


def say(text: str) -> None:
    """A line of the job's log."""
    print(f"mlops-ci: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
