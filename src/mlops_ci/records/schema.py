"""The JSON schema of a stage's record, for tools that read records. What may differ between two runs of the same work
has `x-volatile`: true, or the names of the parts that may.

`python bin/generate_docs.py` writes the committed copy that travels in the package.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from mlops_ci.records.marks import hints_of, key_of, mark_of
from mlops_ci.records.outputs import OUTPUTS
from mlops_ci.records.record import SCHEMA, Record

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SIMPLE: Mapping[Any, str] = types.MappingProxyType(
    {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
)


def json_schema() -> dict[str, Any]:
    """The envelope, and by the stage's name what its outputs are: all of it, or nothing where the stage has failed."""
    definitions: dict[str, Any] = {}
    envelope = _object(Record, definitions)
    envelope["required"].append("schema")
    envelope["properties"]["schema"] = {"const": SCHEMA}
    envelope["properties"]["stage"] = {"enum": list(OUTPUTS)}
    return {
        "$schema": DIALECT,
        "title": SCHEMA,
        **envelope,
        "allOf": [_outputs(stage, _of(kind, definitions)) for stage, kind in OUTPUTS.items()],
        "$defs": definitions,
    }


def text() -> str:
    """The schema as the committed file has it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _outputs(stage: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "if": {"properties": {"stage": {"const": stage}}},
        "then": {"properties": {"outputs": {"anyOf": [{"maxProperties": 0}, schema]}}},
    }


def _object(cls: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A newer version may have more keys, as when records are read."""
    fields = dataclasses.fields(cls)
    missing = dataclasses.MISSING
    required = [key_of(one) for one in fields if one.default is missing and one.default_factory is missing]
    return {
        "description": " ".join((inspect.getdoc(cls) or "").split()),
        "type": "object",
        "required": required,
        "properties": {key_of(one): _property(cls, one, definitions) for one in fields},
    }


def _property(cls: type[Any], field: dataclasses.Field[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    hints = hints_of(cls)  # type: ignore[arg-type]  # a class is hashable
    schema = _of(hints[field.name], definitions)
    mark = mark_of(cls, field)
    return schema if mark is None else {**schema, "x-volatile": list(mark.parts) or True}


def _of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind in SIMPLE:
        return {"type": SIMPLE[kind]}
    if dataclasses.is_dataclass(kind):
        return _reference(typing.cast("type[Any]", kind), definitions)
    origin = typing.get_origin(kind)
    return {} if origin is None else _generic(origin, typing.get_args(kind), definitions)


def _generic(origin: Any, arguments: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if origin is Literal:
        return {"enum": list(arguments)}
    schemas = [_of(one, definitions) for one in arguments if origin is not Annotated or one is arguments[0]]
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": schemas}
    if origin is tuple:
        return {"type": "array", "items": schemas[0]}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": schemas[1]}
    return schemas[0]


def _reference(cls: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if cls.__name__ not in definitions:
        definitions[cls.__name__] = {}
        definitions[cls.__name__] = _object(cls, definitions)
    return {"$ref": f"#/$defs/{cls.__name__}"}
