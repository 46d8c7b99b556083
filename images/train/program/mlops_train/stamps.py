"""What is kept of a task from one start of the container to the next: when it was due, ran, ended, and was missed."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Times are ISO 8601 in UTC. `missed` counts runs that never happened, `last_missed` is the newest of them."""

    due: str = ""
    started: str = ""
    finished: str = ""
    exit_code: int | None = None
    missed: int = 0
    last_missed: str = ""
    why_missed: str = ""

    def missing(self, moment: datetime, why: str) -> "Stamp":
        """The same, with one more run that did not happen."""
        return replace(self, missed=self.missed + 1, last_missed=text(moment), why_missed=why, due=text(moment))


def text(moment: datetime) -> str:
    """A moment as the stamp has it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


class Stamps:
    """The stamps of one task in a folder; without one they live as long as this process."""

    def __init__(self, folder: Path | None, task: str) -> None:
        self._path = folder / f"{task}.stamp.json" if folder is not None else None
        self._lock = folder / f".{task}.lock" if folder is not None else None
        self._stamp = Stamp()

    def read(self) -> Stamp:
        """The newest stamp. One that cannot be read counts as none."""
        if self._path is not None:
            try:
                self._stamp = Stamp(**json.loads(self._path.read_bytes()))
            except (OSError, ValueError, TypeError):
                self._stamp = Stamp()
        return self._stamp

    def write(self, stamp: Stamp) -> None:
        """Replace it as one step."""
        self._stamp = stamp
        if self._path is not None:
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(stamp), indent=2) + "\n", encoding="utf-8")
            os.replace(fresh, self._path)

    def hold(self) -> IO[bytes] | None:
        """The right to run the task, also against other containers with the same folder; None when it is taken.

        Closing the file gives it back, and so does the end of this process, however it comes.
        """
        handle = (self._lock or Path(os.devnull)).open("ab")
        if self._lock is None:
            return handle
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            return None
        return handle
