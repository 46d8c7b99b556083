"""Secrets are removed from every line before it is shown, kept or searched."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
SHORTEST = 6
"""Shorter values are not hidden: they would blank out ordinary words (the control side uses the same limit)."""


class Redactor:
    """Replaces the given values, line by line and URL-quoted too, by `***`."""

    def __init__(self, values: Iterable[str]) -> None:
        pieces = {piece.strip() for value in values for piece in (value, *value.splitlines())}
        known = {form for piece in pieces if len(piece) >= SHORTEST for form in (piece, quote(piece, safe=""))}
        self._secrets = sorted(known, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """The text without any known secret."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text
