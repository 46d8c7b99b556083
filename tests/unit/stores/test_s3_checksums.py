from __future__ import annotations

import base64
import random
import sys
import types
import zlib

import pytest

from mlops_ci.stores.s3_checksums import CRC32, CRC64NVME_POLYNOMIAL, Checksum, best


def crc64nvme(data, start=0):
    """Bit by bit, as the catalogue of CRCs has it."""
    value = start ^ (2**64 - 1)
    for byte in bytes(data):
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ CRC64NVME_POLYNOMIAL if value & 1 else value >> 1
    return value ^ (2**64 - 1)


CRC64NVME = Checksum(name="CRC64NVME", width=64, polynomial=CRC64NVME_POLYNOMIAL, compute=crc64nvme)


def test_the_check_values_of_the_catalogue():
    assert crc64nvme(b"123456789") == 0xAE8B14860A799888
    assert CRC32.compute(b"123456789") == 0xCBF43926


@pytest.mark.parametrize("checksum", [CRC32, CRC64NVME], ids=["crc32", "crc64nvme"])
@pytest.mark.parametrize("sizes", [(1,), (1, 1), (1000, 1000, 7), (255, 0, 3, 1024, 512)])
def test_the_checksum_of_the_whole_is_made_from_those_of_the_parts(checksum, sizes):
    chance = random.Random(1)
    parts = [chance.randbytes(size) for size in sizes]
    whole = checksum.whole((checksum.compute(part), len(part)) for part in parts)
    assert whole == checksum.compute(b"".join(parts))


def test_a_swapped_or_missing_part_gives_another_checksum():
    parts = [(zlib.crc32(data), len(data)) for data in (b"one", b"two", b"three")]
    right = CRC32.whole(parts)
    assert CRC32.whole([parts[1], parts[0], parts[2]]) != right
    assert CRC32.whole(parts[:2]) != right


def test_as_s3_writes_it():
    assert base64.b64decode(CRC32.text(1)) == b"\0\0\0\1"
    assert (CRC32.field, CRC32.header) == ("ChecksumCRC32", "x-amz-checksum-crc32")


def test_the_cheaper_one_is_taken_where_it_can_be_computed(monkeypatch):
    monkeypatch.setitem(sys.modules, "awscrt", None)
    assert best().name == "CRC32"
    monkeypatch.setitem(sys.modules, "awscrt", types.SimpleNamespace(checksums=types.SimpleNamespace()))
    assert best().name == "CRC32"
    monkeypatch.setitem(
        sys.modules, "awscrt", types.SimpleNamespace(checksums=types.SimpleNamespace(crc64nvme=crc64nvme))
    )
    assert best().name == "CRC64NVME"
    assert best().compute(b"123456789") == 0xAE8B14860A799888
