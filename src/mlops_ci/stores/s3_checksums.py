"""The checksums of large objects: of each part, and of the whole, which is made from those of the parts."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """A reflected CRC of `width` bits that S3 knows as `name`; `compute` is that of one block."""

    name: str
    width: int
    polynomial: int
    compute: Callable[[bytes | memoryview], int]

    @property
    def field(self) -> str:
        """Its name in boto3's parameters and answers."""
        return f"Checksum{self.name}"

    @property
    def header(self) -> str:
        """Its header in a request."""
        return f"x-amz-checksum-{self.name.lower()}"

    def text(self, value: int) -> str:
        """As S3 writes it."""
        return base64.b64encode(value.to_bytes(self.width // 8, "big")).decode()

    def whole(self, parts: Iterable[tuple[int, int]]) -> int:
        """The checksum of what the parts (checksum, length) make together, in their order."""
        total = 0
        for value, length in parts:
            total = self._times(_shift(self, length), total) ^ value
        return total

    def _times(self, left: int, right: int) -> int:
        """The product of two polynomials modulo the CRC's own; the highest bit is that of x to the power of 0."""
        product, bit = 0, 1 << (self.width - 1)
        while bit:
            if left & bit:
                product ^= right
            bit >>= 1
            right = (right >> 1) ^ self.polynomial if right & 1 else right >> 1
        return product


@lru_cache(maxsize=8)
def _shift(checksum: Checksum, length: int) -> int:
    """What a checksum is multiplied by when `length` bytes follow: x to the power of eight times that."""
    power, square = 1 << (checksum.width - 1), 1 << (checksum.width - 9)
    while length:
        if length & 1:
            power = checksum._times(power, square)  # noqa: SLF001
        square = checksum._times(square, square)  # noqa: SLF001
        length >>= 1
    return power


CRC32 = Checksum(name="CRC32", width=32, polynomial=0xEDB88320, compute=zlib.crc32)
CRC64NVME_POLYNOMIAL = 0x9A6C9329AC4BC9B5


def best() -> Checksum:
    """CRC64NVME where `awscrt` computes it (five times cheaper), else CRC32, which Python itself has."""
    try:
        from awscrt import checksums
    except ImportError:
        return CRC32
    compute = getattr(checksums, "crc64nvme", None)
    if compute is None:
        return CRC32
    return Checksum(name="CRC64NVME", width=64, polynomial=CRC64NVME_POLYNOMIAL, compute=compute)
