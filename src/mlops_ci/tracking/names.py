"""Names that MLflow takes: letters, digits, `_ - . : /` and spaces, and no path that could be written shorter."""

from __future__ import annotations

import posixpath
import re
import sys

from mlops_ci.tracking.constants import constants

FORBIDDEN = re.compile(r"[^\w\-. :/]")
UNDERSCORE_X = re.compile(r"_(?=x)")
ESCAPED = re.compile(r"_x([0-9a-f]{1,6})_")


def clean(name: str) -> str:
    """The name with everything that MLflow refuses replaced by `_`."""
    parts = [part for part in FORBIDDEN.sub("_", name).split("/") if part not in ("", ".")]
    joined = "/".join("_" if part == ".." else part for part in parts).strip()
    return joined[: constants().limits.key_length] or "_"


def escape(name: str) -> str:
    """The name in letters that MLflow takes, such that `unescape` gives it back: `acc@5` is `acc_x40_5`."""
    # Every `_x` of the original is escaped too, so that in the result `_x` always begins an escape.
    escaped = FORBIDDEN.sub(_escape_one, UNDERSCORE_X.sub(_escape_one, name))
    unclear = posixpath.normpath(escaped) != escaped
    return escaped.replace("/", "_x2f_") if unclear else escaped


def unescape(name: str) -> str:
    """The name that `escape` was given."""
    return ESCAPED.sub(_unescape_one, name)


def _escape_one(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):x}_"


def _unescape_one(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code <= sys.maxunicode else match[0]


class NameTable:
    """Metric names as MLflow takes them, each name one of its own.

    Two names that become the same are told apart by a number. The table depends only on the order in which names come,
    so reading a metrics file from its beginning always gives the same names.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    def name(self, original: str) -> str:
        """The name under which MLflow gets this metric."""
        if original not in self._known:
            wanted = chosen = clean(original)
            number = 1
            while chosen in self._taken:
                number += 1
                suffix = f"_{number}"
                chosen = wanted[: constants().limits.key_length - len(suffix)] + suffix
            self._known[original] = chosen
            self._taken.add(chosen)
        return self._known[original]

    @property
    def renamed(self) -> dict[str, str]:
        """The names that had to change: original → MLflow's."""
        return {original: name for original, name in self._known.items() if original != name}
