"""What is mounted below a folder: whoever deletes the folder must not delete that."""

from __future__ import annotations

from pathlib import Path

from . import commands
from .errors import BedError


def below(folder: Path) -> list[str]:
    """Mount points below a folder, the deepest first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(f"{folder}/")), key=len, reverse=True)


def release(folder: Path) -> None:
    """Take away what a command that was killed has left mounted; BedError when something stays."""
    for point in below(folder):
        commands.run(["umount", "--lazy", point])
    if left := below(folder):
        raise BedError(f"still mounted, so nothing was deleted: {', '.join(left)}", hint="unmount it, then try again")
