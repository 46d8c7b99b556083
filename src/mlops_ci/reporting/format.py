"""Numbers, times and text as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from mlops_ci.providers.text import plain
from mlops_ci.run.clock import parse

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
SHORT_DIGEST = 12
# Characters that turn the reading direction: with them a text shows something else than it holds.
BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """The text without control sequences, control characters and changes of the reading direction."""
    return BIDI.sub("", plain(text))


def one_line(text: str, width: int = 0) -> str:
    """The text on one line, cut to `width` characters with an ellipsis (0: not cut)."""
    flat = " ".join(clean(line).strip() for line in text.splitlines() if line.strip())
    return flat if not width or len(flat) <= width else flat[: max(0, width - 1)].rstrip() + "…"


def duration(seconds: float) -> str:
    """`0.4 s`, `12.3 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`."""
    if not math.isfinite(seconds):
        return "unknown"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 59.95:
        return f"{sign}{seconds:.1f} s"
    for limit, large, small in ((3600, ("min", 60), ("s", 1)), (86400, ("h", 3600), ("min", 60))):
        whole = round(seconds / small[1]) * small[1]
        if whole < limit:
            return sign + _two(whole, large, small)
    return sign + _two(round(seconds / 3600) * 3600, ("d", 86400), ("h", 3600))


def _two(whole: float, large: tuple[str, int], small: tuple[str, int]) -> str:
    first, rest = divmod(int(whole), large[1])
    second = rest // small[1]
    return f"{first} {large[0]} {second} {small[0]}" if second else f"{first} {large[0]}"


def size(count: float) -> str:
    """Bytes in decimal units: `512 B`, `1.2 GB`."""
    unit, divisor = byte_unit(count)
    value = count / divisor
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def byte_unit(count: float) -> tuple[str, float]:
    """The decimal unit in which `count` bytes read well, and its size in bytes."""
    power = 0
    while power < len(UNITS) - 1 and abs(count) >= 999.5 * 1000**power:
        power += 1
    return UNITS[power], float(1000**power)


def number(value: float | None, digits: int = 5) -> str:
    """A number with at most `digits` significant digits; whole numbers below a billion in full; None is a dash."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return str(float(value))
    if float(value).is_integer() and abs(value) < 1e9:
        return str(int(value))
    return f"{value:.{digits}g}"


def between(bounds: Sequence[float] | None) -> str:
    """An interval as `0.01 to 0.03`; None is a dash."""
    return " to ".join(map(number, bounds)) if bounds else "–"


def counted(count: int, noun: str) -> str:
    """`1 image`, `3 images`."""
    return f"{count} {noun if count == 1 else noun + 's'}"


def moment(text: str | None) -> str:
    """An ISO 8601 time as `2026-11-22 03:15:09 UTC`; what is none stays as it is, None is a dash."""
    if not text:
        return "–"
    found = instant(text)
    return f"{found:%Y-%m-%d %H:%M:%S} UTC" if found else one_line(text)


def instant(text: str | None) -> datetime | None:
    """The moment in UTC of an ISO 8601 time, or None. A time without a zone counts as UTC."""
    try:
        found = parse(text or "")
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def short(digest: str | None) -> str:
    """The first digits of a digest, without its algorithm; None is a dash."""
    return clean(digest).rpartition(":")[2][:SHORT_DIGEST] if digest else "–"
