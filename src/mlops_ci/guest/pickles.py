"""Whether a file holds a pickle, whatever its name says. Nothing is loaded: a pickle runs code when it is."""

from __future__ import annotations

import io
import pickletools
import zipfile
from itertools import islice
from pathlib import Path

# A pickle of protocol 2 and later begins with the opcode PROTO and its number: no text in UTF-8 begins so.
PROTO = 0x80
PROTOCOLS = range(2, 6)
# Those before have no beginning of their own: what can run code names what it calls by one of these opcodes.
NAMING = ("GLOBAL", "INST")
# So many are enough to tell; a long row of digits may be opcodes to its end.
ENOUGH = 100_000
ARCHIVE = b"PK\x03\x04"
"""How a zip archive begins; PyTorch's is one, with the pickle as a member."""


def holds_pickle(path: Path) -> bool:
    """Whether a small file is a pickle, or an archive that has one. Raises `OSError`."""
    with path.open("rb") as stream:
        head = stream.read(len(ARCHIVE))
    if len(head) > 1 and head[0] == PROTO and head[1] in PROTOCOLS:
        return True
    return _in_archive(path) if head == ARCHIVE else _is_old(path)


def _in_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError):
        return False


def _is_old(path: Path) -> bool:
    """Of protocol 0 or 1: opcodes to the end, of which one names something. Other text breaks off at once."""
    names = False
    try:
        # From memory: a length that text happens to spell would be asked of the file, with as many bytes made ready.
        for opcode, _, _ in islice(pickletools.genops(io.BytesIO(path.read_bytes())), ENOUGH):
            names = names or opcode.name in NAMING
    except (ValueError, IndexError, OverflowError):
        return False
    return names
