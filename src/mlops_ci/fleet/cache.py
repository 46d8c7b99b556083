"""A verdict that still counts: of the same GPUs, since the same boot, in the same image, with the same demands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_ci.files import digest_of, write_atomic
from mlops_ci.fleet.document import Health, HealthFormatError, read, written
from mlops_ci.guest.health.active.catalogue import CHECKS
from mlops_ci.guest.health.rules import named
from mlops_ci.records.verify import HealthCheck
from mlops_ci.run.clock import parse

COMPUTED = (*(one.id for one in CHECKS), "throttle.load", "peers", "history")
SKEW = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Cache:
    """The file of one node's verdict. `key` is everything that the verdict depends on."""

    folder: Path
    key: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{digest_of(self.key)[:32]}.json"

    def valid(self, now: datetime, max_age: float) -> Health | None:
        """A verdict that found nothing wrong and is not older than `max_age` seconds; None without one."""
        try:
            health = read(self.path.read_bytes(), str(self.path))
            age = now - parse(health.result.computed_at)
        except (OSError, HealthFormatError, ValueError):
            return None
        fresh = -SKEW <= age <= timedelta(seconds=max_age)
        return health if fresh and health.exit_code == 0 and health.result.verdict != "degraded" else None

    def keep(self, health: Health) -> None:
        """Keep it; a folder that cannot be written only costs the next run its time."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps(written(health), indent=1) + "\n")

    def forget(self) -> None:
        """A node that was found sick has no verdict to count on."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def computed(checks: Sequence[HealthCheck]) -> tuple[HealthCheck, ...]:
    """Those that cost GPU time."""
    return tuple(one for one in checks if named(one.id, COMPUTED))
