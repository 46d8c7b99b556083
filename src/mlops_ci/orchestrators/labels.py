"""Labels of runners, as people write them: one label, or a JSON list of labels that a runner must all have."""

from __future__ import annotations

import json
import re

from mlops_ci.errors import UsageError
from mlops_ci.resources import read_toml


class RunnerLabelError(UsageError):
    """The labels of a runner cannot be understood."""


def labels(text: str, *, where: str) -> tuple[str, ...]:
    """The labels; `where` names the setting for the error. Raises `RunnerLabelError`."""
    hint = 'write one label (gpu), or a JSON list that a runner must have all of (["self-hosted", "gpu"])'
    plain = text.strip()
    if not plain.startswith("["):
        if not plain or plain[0] in "{\"'":
            raise RunnerLabelError(f"{where} is {text!r}: no label", hint=hint)
        return (plain,)
    try:
        found = json.loads(plain)
    except ValueError as error:
        raise RunnerLabelError(f"{where} begins like a JSON list and is none: {error}", hint=hint) from error
    if not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise RunnerLabelError(f"{where} is {text!r}: not a list of labels", hint=hint)
    return tuple(one.strip() for one in found)


def hosted(found: tuple[str, ...]) -> bool:
    """Whether these labels can only mean a machine of GitHub's own, which is new for every job."""
    patterns = read_toml("github.toml")["hosted"]["labels"]
    return len(found) == 1 and any(re.fullmatch(pattern, found[0]) for pattern in patterns)
