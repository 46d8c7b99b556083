"""Markdown within a size limit: folded details go first, from the end, and what was left out is said."""

from __future__ import annotations

import re

FOLD = re.compile(r"<details\b[^>]*>|</details>\n*", re.IGNORECASE)
SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.IGNORECASE | re.DOTALL)
TAG = re.compile(r"<[^>]*>")
FENCE = re.compile(r"^ {0,3}(```+|~~~+)", re.MULTILINE)
CUT = "\n\n_Cut here: the whole text stands in the report page._\n"
# Room for the sentence that says what was left out.
NOTE_BYTES = 400
LONGEST_TITLE = 60
MOST_TITLES = 4


def fit(markdown: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8: whole, without its last folds, or cut behind a line. Empty when nothing fits."""
    if _size(markdown) <= limit:
        return markdown
    left_out: list[str] = []
    for start, end in reversed(_folds(markdown)):
        left_out.append(_title(markdown[start:end]))
        markdown = markdown[:start] + markdown[end:]
        if _size(markdown) + NOTE_BYTES <= limit:
            return markdown + _note(left_out)
    return _cut(markdown, limit)


def _folds(markdown: str) -> list[tuple[int, int]]:
    """Start and end of every outermost `<details>`."""
    found = []
    depth = start = 0
    for match in FOLD.finditer(markdown):
        if not match[0].startswith("</"):
            start = match.start() if depth == 0 else start
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                found.append((start, match.end()))
    return found


def _title(fold: str) -> str:
    match = SUMMARY.search(fold)
    title = " ".join(TAG.sub("", match[1]).split()) if match else ""
    return title.encode()[:LONGEST_TITLE].decode(errors="ignore") or "a fold"


def _note(left_out: list[str]) -> str:
    named = list(reversed(left_out))[:MOST_TITLES]
    more = f" and {len(left_out) - len(named)} more" if len(left_out) > len(named) else ""
    return f"\n_Left out here for its size: {', '.join(named)}{more}. It stands in the report page._\n"


def _cut(markdown: str, limit: int) -> str:
    room = limit - _size(CUT) - len("\n~~~~~~~~")
    if room <= 0:
        return ""
    kept = markdown.encode()[:room].decode(errors="ignore").rsplit("\n", 1)[0]
    fences = FENCE.findall(kept)
    # An odd fence is open: without its end the remark would be code.
    closing = f"\n{fences[-1][:8]}" if len(fences) % 2 else ""
    return kept + closing + CUT


def _size(text: str) -> int:
    return len(text.encode())
