"""GPUs are leased for the time of a job, so that two runs of one machine never share one.

A lease is an flock(2) on a file per device: when its owner dies, however it dies, the kernel gives it back.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from mlops_ci.engines.base import Job
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.devices import visible_devices
from mlops_ci.errors import InfrastructureError, MissingError

MACHINE_LOCKS = Path("/var/lock")
OWN_FOLDER = "mlops-ci"
NOTE_BYTES = 200


class GpuMissingError(MissingError):
    """The job asks for more GPUs than this machine has."""


class GpuBusyError(InfrastructureError):
    """Other runs held the GPUs for longer than we wait."""


def leased_gpus(job: Job, say: Callable[[str], None]) -> AbstractContextManager[tuple[str, ...]]:
    """The lease of the GPUs that the job asks for; nothing is looked at when it asks for none."""
    if job.limits.gpus == 0:
        return contextlib.nullcontext(())
    devices = visible_devices(os.environ)
    return lease(job.limits.gpus, devices, lock_folder(), say=say, note=f"run {job.run}, stage {job.stage}")


@contextmanager
def lease(
    count: int,
    devices: Sequence[str],
    folder: Path,
    *,
    timeout: float | None = None,
    say: Callable[[str], None] = lambda _: None,
    note: str = "",
) -> Iterator[tuple[str, ...]]:
    """Hold `count` of `devices` inside the block: all of them or, while waiting, none: nobody waits in a circle.

    `folder` holds the lock files and is shared by all who use these devices. `say` hears who holds what we wait for,
    `note` is what others will hear of us. Raises `GpuMissingError`, and `GpuBusyError` after `timeout` seconds.
    """
    if count > len(devices):
        raise GpuMissingError(
            f"the job asks for {count} GPU{'s' if count > 1 else ''} and this machine has {len(devices)} to give",
            hint="`nvidia-smi -L` lists them (is the driver loaded, does CUDA_VISIBLE_DEVICES hide them?); "
            "ask for fewer with [train] gpus, or choose another runner",
        )
    settings = defaults()
    limit = settings.leases_timeout if timeout is None else timeout
    deadline = time.monotonic() + limit
    told = False
    while True:
        with ExitStack() as held:
            mine = _try_all(held, count, devices, folder, note)
            if mine:
                yield mine
                return
        if time.monotonic() >= deadline:
            raise GpuBusyError(
                f"no {count} of {len(devices)} GPUs became free within {limit:.0f} s: {_holders(devices, folder)}",
                hint="wait for the other run to end, or use another runner",
            )
        if not told:
            say(f"waiting for {count} of {len(devices)} GPUs: {_holders(devices, folder)}")
            told = True
        # Jitter, so that two who want the same do not take each other's devices in turns.
        time.sleep(settings.leases_poll * random.uniform(0.5, 1.5))


def lock_folder() -> Path:
    """The folder for lock files that as many users of this machine as possible share."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    candidates = [MACHINE_LOCKS, *([Path(runtime)] if runtime else []), Path(tempfile.gettempdir())]
    for parent in candidates:
        folder = parent / OWN_FOLDER
        with contextlib.suppress(OSError):
            if not folder.is_dir():
                folder.mkdir()
                # Whoever comes first must not lock the others out (mkdir's mode is cut by the umask).
                folder.chmod(0o777 if parent == MACHINE_LOCKS else 0o700)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    raise MissingError(
        f"no folder for lock files can be written: {', '.join(map(str, candidates))}",
        hint="set XDG_RUNTIME_DIR or TMPDIR",
    )


def _try_all(held: ExitStack, count: int, devices: Sequence[str], folder: Path, note: str) -> tuple[str, ...]:
    """Lock `count` devices into `held` and give their ids; else lock none and give nothing."""
    mine: list[str] = []
    with ExitStack() as attempt:
        for device in devices:
            handle = _open(_lock_file(folder, device))
            attempt.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            mine.append(device)
            _write_note(handle, note)
            if len(mine) == count:
                held.enter_context(attempt.pop_all())
                return tuple(mine)
    return ()


def _lock_file(folder: Path, device: str) -> Path:
    return folder / f"gpu-{re.sub(r'[^A-Za-z0-9_.-]', '_', device)}.lock"


def _open(path: Path) -> int:
    """The lock file's descriptor. Another user's file is opened without O_CREAT, which the kernel may refuse there."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, flags)
    try:
        handle = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags)
    with contextlib.suppress(OSError):
        os.fchmod(handle, 0o666)
    return handle


def _write_note(handle: int, note: str) -> None:
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} ({note})\n".encode()[:NOTE_BYTES], 0)


def _holders(devices: Sequence[str], folder: Path) -> str:
    """Who holds what, as the lock files say."""
    held = []
    for device in devices:
        with contextlib.suppress(OSError):
            handle = os.open(_lock_file(folder, device), os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(f"{device} by {os.pread(handle, NOTE_BYTES, 0).decode('utf-8', 'replace').strip()}")
            finally:
                os.close(handle)
    return "; ".join(held) or "they were just given back"
