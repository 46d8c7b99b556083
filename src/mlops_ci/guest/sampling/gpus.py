"""GPU samples from a thread of their own: a driver that hangs must not stop the leash."""

from __future__ import annotations

import os
import threading
from typing import Any

from mlops_ci.guest.sampling.nvml import Gpu, open_nvml, shown_to_job

USED_BYTES = 64 * 1024 * 1024
"""Memory beyond the start by which a GPU counts as used: less than any CUDA context takes."""


class GpuSampler:
    """Keeps the newest reading and what each GPU's use was at its highest."""

    def __init__(self, seconds: float) -> None:
        self.newest: tuple[Gpu, ...] = ()
        self.looks = 0
        self.reason = "no reading was taken"
        self._seconds = seconds
        self._first: dict[str, Gpu] = {}
        self._used: dict[str, dict[str, Any]] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-sampler", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End; a reading that hangs is left behind with the process."""
        self._done.set()
        self._thread.join(1.0)

    def used(self) -> list[dict[str, Any]]:
        """The GPUs that took memory since the start: index, uuid, name, peak_memory_bytes."""
        return [dict(one) for one in self._used.values()]

    def busy(self) -> bool | None:
        """Whether a GPU that the job uses had work at the newest reading; None where that cannot be seen."""
        known = [gpu.utilization_percent for gpu in self.newest if gpu.uuid in self._used]
        seen = [percent for percent in known if percent is not None]
        return any(seen) if seen else None

    def lost(self) -> list[str]:
        """The GPUs of the first reading that the newest no longer shows."""
        shown = {gpu.uuid for gpu in self.newest}
        return [f"{gpu.name} ({uuid})" for uuid, gpu in self._first.items() if uuid not in shown]

    def rows(self) -> list[dict[str, Any]]:
        """The newest reading for a line of system.jsonl."""
        return [
            {
                "index": gpu.index,
                "utilization_percent": gpu.utilization_percent,
                "memory_bytes": gpu.memory_used_bytes,
                "power_watts": gpu.power_watts,
                "temperature_c": gpu.temperature_c,
            }
            for gpu in self.newest
        ]

    def _run(self) -> None:
        nvml, self.reason = open_nvml()
        while nvml is not None:
            try:
                self.note(shown_to_job(nvml.gpus(), os.environ))
            except Exception as error:
                self.reason = f"GPU sampling ended: {error}"
                return
            if self._done.wait(self._seconds):
                return

    def note(self, gpus: list[Gpu]) -> None:
        """Take one reading."""
        self.newest, self.reason = tuple(gpus), ""
        self.looks += 1
        for gpu in gpus:
            first = self._first.setdefault(gpu.uuid, gpu).memory_used_bytes
            if first is None or gpu.memory_used_bytes is None:
                continue
            if gpu.memory_used_bytes - first >= USED_BYTES:
                entry = {"index": gpu.index, "uuid": gpu.uuid, "name": gpu.name}
                before = self._used.get(gpu.uuid, {}).get("peak_memory_bytes", 0)
                self._used[gpu.uuid] = {**entry, "peak_memory_bytes": max(before, gpu.memory_used_bytes - first)}
