"""Which metrics a training script prints, as far as its text says: for a new configuration, never for a run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

NUMBER = r"([\d.eE+-]+)"
BEFORE = re.compile(r"(?P<literal>(?P<name>[A-Za-z][\w/]*) ?[:=] ?)$")
# The last word of a name that people give to a metric; anything else may be a path or a device.
LOSSES = ("loss", "error", "mae", "mse", "rmse", "perplexity", "ppl", "wer", "cer")
SCORES = ("acc", "accuracy", "f1", "auc", "precision", "recall", "score", "bleu", "rouge", "iou", "dice", "map", "r2")
METRICS = frozenset((*LOSSES, *SCORES, "psnr", "ssim"))
VALUE = None


def printed_metrics(text: str) -> dict[str, str]:
    """Name to regular expression of what `print` shows as `loss: 0.1` or `loss=0.1`; nothing where that is unclear."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            for name, literal in _named(list(_pieces(node))):
                found.setdefault(name, set()).add(rf"\b{re.escape(literal).replace(chr(92) + ' ', ' ')}{NUMBER}")
    return {name: next(iter(forms)) for name, forms in found.items() if len(forms) == 1}


def _pieces(call: ast.Call) -> Iterator[str | None]:
    """The texts of a `print`, with `VALUE` for what only a run knows."""
    for index, argument in enumerate(call.args):
        if index:
            yield " "
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        for part in parts:
            yield part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else VALUE


def _named(pieces: list[str | None]) -> Iterator[tuple[str, str]]:
    before = ""
    for piece in pieces:
        if piece is not VALUE:
            before += piece
            continue
        match = BEFORE.search(before)
        if match is not None and re.split(r"[_/]", match["name"].lower())[-1] in METRICS:
            yield match["name"], match["literal"]
        before = ""
