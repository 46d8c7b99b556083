"""The base image: a minimal Debian made from this machine's own package sources, since no hub need be reachable."""

from __future__ import annotations

import tempfile
from pathlib import Path

from . import apt, commands, mounts
from .state import State

NAME = "mlops-ci-testbed/debian:bookworm-slim"
MIRRORED = "mirror/debian:bookworm-slim"
# What the hub's image of that name leaves out, of packages installed later too (debuerreotype's slimify): a quarter.
LEFT_OUT = tuple(
    f"path-exclude=/usr/share/{folder}/*" for folder in ("doc", "info", "linda", "lintian/overrides", "locale", "man")
)
KEPT = ("path-include=/usr/share/doc/*/copyright",)
SYSTEM_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def archive(state: State) -> Path:
    """The root file system as a tar file; may not exist yet."""
    return state.root / "base" / f"{apt.RELEASE}.tar"


def make(state: State) -> None:
    """Write the archive, atomically."""
    target = archive(state)
    partial = state.folder("base") / f"{apt.RELEASE}.partial.tar"
    with tempfile.TemporaryDirectory(dir=state.root) as work:
        try:
            commands.run(
                [
                    *("mmdebstrap", "--quiet", "--variant=minbase"),
                    "--include=ca-certificates",
                    *(f"--dpkgopt={option}" for option in (*LEFT_OUT, *KEPT)),
                    apt.RELEASE,
                    str(partial),
                    "-",
                ],
                text=apt.release_lines(apt.configured_sources()),
                environment={"TMPDIR": work},
            )
        finally:
            mounts.release(Path(work))
    partial.replace(target)


def load(state: State, docker: str, host: str) -> None:
    """Bring the image into an engine that lacks it."""
    if commands.succeeds([docker, "--host", host, "image", "inspect", NAME]):
        return
    changes = ["--change", f"ENV {SYSTEM_PATH}", "--change", 'CMD ["bash"]']
    commands.run([docker, "--host", host, "import", *changes, str(archive(state)), NAME])


def publish(docker: str, host: str, registry: str) -> str:
    """Push the image to a registry; gives its name there."""
    reference = f"{registry}/{MIRRORED}"
    commands.run([docker, "--host", host, "tag", NAME, reference])
    commands.run([docker, "--host", host, "push", "--quiet", reference])
    return reference
