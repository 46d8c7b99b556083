"""What a training job would otherwise find out late: too little shared memory for loaders and NCCL."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

SHARED = Path("/dev/shm")  # noqa: S108  # the mount itself, nothing of ours is in it
# Docker gives 64 MB; one worker with a batch of pictures, or NCCL between two GPUs, needs more than that.
ENOUGH = 1024**3


def lines(environ: Mapping[str, str], shared: Path = SHARED) -> Iterator[str]:
    """Warnings, with what to do; nothing when all is well."""
    if environ.get("MLOPS_SHM_ADVICE", "") == "off":
        return
    try:
        found = os.statvfs(shared)
    except OSError:
        return
    size = found.f_frsize * found.f_blocks
    if size < ENOUGH:
        yield (
            f"{shared} holds {size / 1e6:.0f} MB: DataLoader workers end with `bus error` and NCCL is slow. "
            "Start the container with --shm-size=8g or --ipc=host (MLOPS_SHM_ADVICE=off hides this)"
        )
