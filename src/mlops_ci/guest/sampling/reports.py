"""What the driver reported in the kernel's log while the job ran (XIDs)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlops_ci.guest.health import xid


class DriverReports:
    """Compares the kernel's log with what it held at the start; empty where it cannot be read, or without GPUs."""

    def __init__(self, gpus: int, read: Callable[[], tuple[list[str] | None, str]] = xid.read_log) -> None:
        self._read = read if gpus else None
        self._before = set(self._lines())

    def new(self) -> list[tuple[int, str, str]]:
        """Code, verdict and meaning of each report since the start, in their order."""
        lines = [line for line in self._lines() if line not in self._before]
        return [(code, *meaning(code)) for code in xid.codes(lines)]

    def _lines(self) -> Sequence[str]:
        return (self._read()[0] or []) if self._read else []


def meaning(code: int) -> tuple[str, str]:
    """Verify's verdict on an XID, and what it means."""
    rule = xid.rule_of(code)
    return str(rule["verdict"]), str(rule["cause"])
