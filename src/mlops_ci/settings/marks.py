"""Marks on the type of a field: limits, forms and examples that its type alone does not say.

They stand in `Annotated[...]` and speak the validator's protocol by duck typing: the settings import no validator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Range:
    """A number's limits, both included, unless `above` says that the lower one is not."""

    minimum: int
    maximum: int | None = None
    above: bool = False

    @property
    def expected(self) -> str:
        """The limits in words, to stand behind "a number"."""
        if self.above:
            return f"above {self.minimum}"
        return f"of at least {self.minimum}" if self.maximum is None else f"from {self.minimum} to {self.maximum}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        limits = {"gt" if self.above else "ge": self.minimum}
        if self.maximum is not None:
            limits["le"] = self.maximum
        schema: dict[str, Any] = {**handler(source), **limits}
        return schema


@dataclass(frozen=True)
class Form:
    """A text's form: a regular expression (valid in Python, Rust and JavaScript alike) and what it says in words.

    `hidden`: what does not have the form may be a secret, and no message shows it.
    """

    pattern: str
    expected: str
    hidden: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: dict[str, Any] = {**handler(source), "pattern": self.pattern}
        return schema


Direction = Literal[
    "lower", "higher", "better", "true", "false", "more", "fewer", "earlier", "same", "listed", "listed-or-unset"
]


@dataclass(frozen=True)
class Stricter:
    """Which way a setting becomes stricter, so that a policy can bound it.

    A `lower` or `higher` number; a `better` one as `[evaluate] goal` says; `true` or `false`; a list that holds `more`
    or `fewer`; the choice that is named `earlier`; nothing but the `same`; nothing but what is `listed` (patterns with
    `*`), where a setting that is not set means an address outside and is not listed, unless `listed-or-unset`.
    """

    direction: Direction


@dataclass(frozen=True)
class Example:
    """A value to show where there is no default to show."""

    value: object

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "examples": [self.value]}
