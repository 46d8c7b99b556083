"""Durations and sizes that people write as `"2h"` and `"8g"`: numbers inside, validated at the edge."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
# Both expressions are also valid in JavaScript, where editors apply them.
DURATION = re.compile(r"^([0-9]+(?:\.[0-9]+)?)\s*([smhd])$")
SIZE = re.compile(r"^([0-9]+(?:\.[0-9]+)?)\s*([kmgtKMGT]?)(?:[iI]?[bB])?$")
LONGEST_SECONDS = 100 * 365 * 86400
LARGEST_BYTES = 2**60


class Duration(float):
    """Seconds. Written as a number of seconds, or as text with a unit: `90`, `"30s"`, `"15m"`, `"2h"`, `"1d"`."""

    expected: ClassVar[str] = 'seconds as a positive number, or a text such as "30s", "15m", "2h" or "1d"'

    @classmethod
    def parse(cls, value: object) -> Duration:
        """A duration from what the file says; raises `ValueError` with what was expected."""
        seconds = math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value) if abs(value) <= LONGEST_SECONDS else math.nan
        elif isinstance(value, str) and (match := DURATION.match(value.strip())):
            seconds = float(match[1]) * DURATION_UNITS[match[2]]
        if 0 < seconds <= LONGEST_SECONDS:
            return cls(seconds)
        raise ValueError(f"expected {cls.expected}")

    @property
    def written(self) -> str:
        """The shortest text of this duration: the largest unit that divides it."""
        for unit, size in reversed(DURATION_UNITS.items()):
            if self % size == 0:
                return f"{int(self // size)}{unit}"
        return f"{Decimal(repr(float(self))):f}s"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": DURATION.pattern}]}


class Size(int):
    """Bytes. Written as a number of bytes, or as text with a binary unit: `"512m"`, `"8g"`, `"1.5g"`."""

    expected: ClassVar[str] = 'bytes as a positive whole number, or a text such as "512m" or "8g"'

    @classmethod
    def parse(cls, value: object) -> Size:
        """A size from what the file says; raises `ValueError` with what was expected."""
        size: Decimal | int = 0
        if isinstance(value, int) and not isinstance(value, bool):
            size = value
        elif isinstance(value, str) and (match := SIZE.match(value.strip())):
            size = Decimal(match[1]) * SIZE_UNITS[match[2].lower()]
        if 1 <= size <= LARGEST_BYTES:
            return cls(size)
        raise ValueError(f"expected {cls.expected}")

    @property
    def written(self) -> str:
        """The shortest text of this size: the largest binary unit that divides it."""
        for unit, size in reversed(SIZE_UNITS.items()):
            if self % size == 0:
                return f"{self // size}{unit}"
        raise AssertionError("every whole number is divided by 1")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string", "pattern": SIZE.pattern}]}
