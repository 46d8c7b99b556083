"""NVIDIA's error reports (XIDs) in the kernel's log: what they mean for a training."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check
from mlops_ci.guest.health.tables import table

REPORT = re.compile(r"NVRM: Xid \((?:PCI:)?(?P<bus>[0-9A-Fa-f:.]+)\): (?P<code>\d+)")
FALLEN = re.compile(r"NVRM:.*?(?P<bus>[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2})?.*fallen off the bus")
SWITCH = re.compile(r"(?:nvidia-nvswitch|NVRM: SXid|SXid \(PCI:).*(?P<fatal>[Ff]atal)")
NOT_FATAL = re.compile(r"[Nn]on-?[Ff]atal")
FALLEN_OFF = 79
KMSG = Path("/dev/kmsg")
FILES = (Path("/var/log/kern.log"), Path("/var/log/syslog"), Path("/var/log/messages"))
TAIL_BYTES = 4 * 1024 * 1024
RANK = {PASS: 0, WARN: 1, BLOCK: 2}


def rule_of(code: int) -> Any:
    """The row of the table for a code."""
    known = table("xid")
    return next((row for row in known["groups"] if code in row["codes"]), known["unknown"])


def history(lines: Sequence[str] | None, why: str, buses: Iterable[str]) -> Check:
    """The worst that the log tells of the GPUs at these PCI addresses, since boot or as far back as it goes."""
    name = "xid.history"
    if lines is None:
        cause = f"the kernel's log cannot be read here: {why}"
        return Check(name, SKIP, cause=cause, advice="Errors during this check are seen all the same (xid.live).")
    wanted = {address(bus) for bus in buses}
    found: dict[int, str] = {}
    for line in lines:
        code = _code(line, wanted)
        if code is not None:
            found[code] = line.strip()
    if not found:
        return Check(name, PASS, 0, None, "kinds of XID")
    worst = max(found, key=lambda code: RANK[rule_of(code)["verdict"]])
    return judged(name, worst, len(found), found[worst])


def codes(lines: Iterable[str]) -> list[int]:
    """The codes that these lines report, of whichever GPU."""
    return [code for code in (_code(line, set()) for line in lines) if code is not None]


def judged(name: str, code: int, count: int, evidence: str) -> Check:
    """The check for an XID that was seen, with what it means."""
    rule = rule_of(code)
    status = str(rule["verdict"])
    more = f" and {count - 1} other kinds" if count > 1 else ""
    cause = f"XID {code}{more}: {rule['cause']}" if status != PASS else ""
    return Check(
        name, status, code, None, "XID", cause, str(rule["advice"]) if status != PASS else "",
        node=status == BLOCK, evidence=evidence[:300],
    )  # fmt: skip


def _code(line: str, wanted: set[str]) -> int | None:
    match = REPORT.search(line)
    if match:
        return int(match["code"]) if _ours(match["bus"], wanted) else None
    if FALLEN.search(line):
        bus = re.search(r"[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}", line)
        return FALLEN_OFF if bus is None or _ours(bus[0], wanted) else None
    if SWITCH.search(line) and not NOT_FATAL.search(line):
        return 74
    return None


def _ours(bus: str, wanted: set[str]) -> bool:
    return not wanted or address(bus) in wanted


def address(bus: str) -> str:
    """A PCI address without leading zeroes of its domain and without its function: `0:3b:0`."""
    parts = bus.lower().partition(".")[0].split(":")
    return ":".join(format(int(part or "0", 16), "x") for part in ["0", *parts][-3:])


def read_log(kmsg: Path = KMSG, files: Sequence[Path] = FILES) -> tuple[list[str] | None, str]:
    """The kernel's messages, or None and why not: its own buffer first, then the files of a log daemon."""
    try:
        return _buffer(kmsg), ""
    except OSError as error:
        why = f"{kmsg}: {error.strerror}"
    for path in files:
        try:
            with path.open("rb") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(max(0, stream.tell() - TAIL_BYTES))
                return stream.read().decode("utf-8", "replace").splitlines(), ""
        except OSError:
            continue
    return None, why


def _buffer(path: Path) -> list[str]:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    lines: list[str] = []
    try:
        while True:
            try:
                data = os.read(handle, 8192)
            except BlockingIOError:
                return lines
            except OSError as error:
                # A message was overwritten while we read: the next read goes on with the oldest one.
                if error.errno == errno.EPIPE:
                    continue
                raise
            if not data:
                return lines
            lines.extend(data.decode("utf-8", "replace").splitlines())
    finally:
        os.close(handle)
