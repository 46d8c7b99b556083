"""The JSON schema of `mlops.toml`, for editors and linters.

`python -m mlops_ci.config.schema` writes the committed copy that travels in the package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.config.declared import DeclaredTable, Field, tables
from mlops_ci.config.document import BUILT_IN_MODES, MODE
from mlops_ci.config.validate import adapter
from mlops_ci.files import write_json
from mlops_ci.settings.units import Duration, Size

FILE = Path(__file__).parents[1] / "resources" / "mlops.schema.json"
# The newest draft that the common TOML editors (taplo, and what is built on it) read.
DIALECT = "http://json-schema.org/draft-07/schema#"
OVERLAY = "overlay"


def json_schema() -> dict[str, Any]:
    """The schema: one definition for each table, used for the table itself and for its overlays by mode."""
    generated = adapter().json_schema(by_alias=True)["$defs"]
    by_name = {definition["title"]: definition for definition in generated.values()}
    definitions = {name: _table(table, by_name[table.kind.__name__]) for name, table in tables().items()}
    references = {name: {"$ref": f"#/definitions/{name}"} for name in definitions}
    needed = {name: [key for key, field in table.fields.items() if field.required] for name, table in tables().items()}
    whole = {
        name: {"allOf": [reference, {"required": needed[name]}]} if needed[name] else reference
        for name, reference in references.items()
    }
    return {
        "$schema": DIALECT,
        "title": "mlops.toml",
        "description": "Configuration of mlops-ci: one pipeline that trains PyTorch models on your own runners.",
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, keys in needed.items() if keys],
        "properties": {**whole, MODE: _modes()},
        "definitions": {
            **definitions,
            OVERLAY: {"type": "object", "additionalProperties": False, "properties": references},
        },
        "x-taplo": {"initKeys": [name for name, keys in needed.items() if keys]},
    }


def text() -> str:
    """The schema as the committed file has it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _modes() -> dict[str, Any]:
    overlay = {"$ref": f"#/definitions/{OVERLAY}"}
    return {
        "description": "Overlays: `[mode.NAME.TABLE]` replaces settings of TABLE when the run has `--mode NAME`.",
        "type": "object",
        "properties": dict.fromkeys(BUILT_IN_MODES, overlay),
        "additionalProperties": overlay,
    }


def _table(table: DeclaredTable, generated: Mapping[str, Any]) -> dict[str, Any]:
    required = [key for key, field in table.fields.items() if field.required]
    properties = {key: _property(field, generated["properties"][key]) for key, field in table.fields.items()}
    schema: dict[str, Any] = {
        "description": table.documentation,
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    return {**schema, "x-taplo": {"initKeys": required}} if required else schema


def _property(field: Field, generated: Mapping[str, Any]) -> dict[str, Any]:
    """A key's schema without what means nothing in TOML (null) or repeats the key (titles)."""
    schema = {name: value for name, value in generated.items() if name not in {"default", "title"}}
    members = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    schema.update(members[0] if len(members) == 1 else {"anyOf": members} if members else {})
    schema["description"] = field.documentation
    if field.default is not None:
        schema["default"] = _as_json(field.default)
    return schema


def _as_json(value: Any) -> Any:
    if isinstance(value, Duration | Size):
        return value.written
    if isinstance(value, tuple):
        return [_as_json(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


if __name__ == "__main__":
    write_json(FILE, json_schema())
