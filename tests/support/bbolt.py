"""Writes bbolt database files (the key/value store that Trivy's database is), from a nested mapping.

Format: etcd-io/bbolt internal/common/{page,meta,bucket,inode}.go, little-endian. Leaf pages only: a bucket of up to
65,535 keys needs no branch pages, its leaf just spans more pages. Equal input gives equal bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Bucket: TypeAlias = "Mapping[bytes, bytes | Bucket]"

PAGE_SIZE = 4096
PAGE_HEADER = struct.Struct("<QHHI")  # id, flags, count, overflow
ELEMENT = struct.Struct("<IIII")  # flags, position from this element's start, key size, value size
BUCKET_HEADER = struct.Struct("<QQ")  # root page, sequence
META = struct.Struct("<IIIIQQQQQ")  # magic, version, page size, flags, root, sequence, freelist, end, txid
LEAF, META_PAGE, FREELIST = 2, 4, 16
IS_BUCKET = 1
MAGIC, VERSION = 0xED0CDAED, 2
FREELIST_PAGE, FIRST_DATA_PAGE = 2, 3
INLINE_LIMIT = PAGE_SIZE // 4
MOST_KEYS = 0xFFFF


def write(path: Path, root: Bucket) -> None:
    """Write the database; ValueError when a bucket has an empty key or more keys than a leaf page can count."""
    writer = _Writer()
    root_page = writer.allocate(writer.items(root))
    end_page = FIRST_DATA_PAGE + len(writer.data) // PAGE_SIZE
    metas = b"".join(_meta_page(number, root_page, end_page) for number in (0, 1))
    freelist = PAGE_HEADER.pack(FREELIST_PAGE, FREELIST, 0, 0).ljust(PAGE_SIZE, b"\0")
    path.write_bytes(metas + freelist + bytes(writer.data))


class _Writer:
    """Lays buckets out depth first: a bucket's pages come after those of the buckets in it."""

    def __init__(self) -> None:
        self.data = bytearray()

    def items(self, bucket: Bucket) -> list[tuple[int, bytes, bytes]]:
        """The leaf elements of a bucket, sorted as bytes: (flags, key, value)."""
        if len(bucket) > MOST_KEYS or b"" in bucket:
            raise ValueError(f"a bucket needs 0 to {MOST_KEYS} keys, none of them empty")
        return [
            (0, key, value) if isinstance(value, bytes) else (IS_BUCKET, key, self.place(value))
            for key, value in sorted(bucket.items(), key=lambda item: item[0])
        ]

    def place(self, bucket: Bucket) -> bytes:
        """What the parent holds for a bucket: its header, followed by the bucket itself when that is small."""
        items = self.items(bucket)
        inline = _leaf(0, items)
        has_children = any(flags == IS_BUCKET for flags, _, _ in items)
        if has_children or len(inline) > INLINE_LIMIT:
            return BUCKET_HEADER.pack(self.allocate(items), 0)
        return BUCKET_HEADER.pack(0, 0) + inline

    def allocate(self, items: list[tuple[int, bytes, bytes]]) -> int:
        """Give a leaf pages of its own; the number of the first."""
        number = FIRST_DATA_PAGE + len(self.data) // PAGE_SIZE
        page = _leaf(number, items)
        self.data += page.ljust(-(-len(page) // PAGE_SIZE) * PAGE_SIZE, b"\0")
        return number


def _leaf(number: int, items: list[tuple[int, bytes, bytes]]) -> bytes:
    elements, contents = bytearray(), bytearray()
    for index, (flags, key, value) in enumerate(items):
        position = (len(items) - index) * ELEMENT.size + len(contents)
        elements += ELEMENT.pack(flags, position, len(key), len(value))
        contents += key + value
    size = PAGE_HEADER.size + len(elements) + len(contents)
    overflow = max(0, -(-size // PAGE_SIZE) - 1)
    return PAGE_HEADER.pack(number, LEAF, len(items), overflow) + bytes(elements + contents)


def _meta_page(number: int, root: int, end_page: int) -> bytes:
    meta = META.pack(MAGIC, VERSION, PAGE_SIZE, 0, root, 0, FREELIST_PAGE, end_page, number)
    page = PAGE_HEADER.pack(number, META_PAGE, 0, 0) + meta + struct.pack("<Q", fnv1a(meta))
    return page.ljust(PAGE_SIZE, b"\0")


def fnv1a(data: bytes) -> int:
    """FNV-1a, 64 bits: the checksum of a meta page."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value
