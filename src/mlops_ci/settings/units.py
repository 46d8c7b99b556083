"""Durations and sizes that people write as `"2h"` and `"8g"`: numbers inside, validated at the edge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

DURATION_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[smhd])")
SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)(?:i?b)?", re.IGNORECASE)


class Duration(float):
    """Seconds. Written as a number of seconds, or as text with a unit: `90`, `"30s"`, `"15m"`, `"2h"`, `"1d"`."""

    @classmethod
    def parse(cls, value: object) -> Duration:
        """A duration from what the file says; raises `ValueError` with what was expected."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value > 0:
                return cls(value)
        elif isinstance(value, str) and (match := DURATION.fullmatch(value.strip())):
            return cls(float(match["number"]) * DURATION_UNITS[match["unit"]])
        raise ValueError('expected seconds as a positive number, or a text such as "30s", "15m", "2h", "1d"')

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": DURATION.pattern}]}


class Size(int):
    """Bytes. Written as a number of bytes, or as text with a binary unit: `"512m"`, `"8g"`, `"1.5g"`."""

    @classmethod
    def parse(cls, value: object) -> Size:
        """A size from what the file says; raises `ValueError` with what was expected."""
        if isinstance(value, int) and not isinstance(value, bool):
            if value > 0:
                return cls(value)
        elif isinstance(value, str) and (match := SIZE.fullmatch(value.strip())):
            return cls(float(match["number"]) * SIZE_UNITS[match["unit"].lower()])
        raise ValueError('expected bytes as a positive whole number, or a text such as "512m" or "8g"')

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string", "pattern": SIZE.pattern}]}
