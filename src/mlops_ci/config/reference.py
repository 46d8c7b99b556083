"""The page of all settings for the docs, made from the settings' own declarations."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.config.declared import DeclaredTable, tables
from mlops_ci.config.toml_text import written


def page() -> str:
    """Markdown: one section per table, one row per key with its default and what it means."""
    head = (
        "# Configuration\n\n"
        "`mlops.toml`, or `[tool.mlops-ci]` in `pyproject.toml`. Values come from, later ones winning: defaults, "
        "the file, the mode's overlay (`--mode NAME`: `[mode.NAME.table]`), the environment (`MLOPS_CI_TABLE__KEY`), "
        "`--set table.key=value`. `mlops-ci plan` prints what is in force and where each value came from.\n"
    )
    return "\n".join([head, *(section for table in tables().values() for section in _section(table))])


def _section(table: DeclaredTable) -> Iterator[str]:
    yield f"## [{table.name}]\n\n{table.documentation}\n"
    yield "| key | default | what |\n| --- | --- | --- |"
    for field in table.fields.values():
        default = "**required**" if field.required else "–" if field.default is None else f"`{written(field.default)}`"
        yield f"| `{field.key}` | {_cell(default)} | {_cell(field.documentation)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
