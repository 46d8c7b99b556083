"""What makes no sense in `[sweep]`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_ci.config.finding import Finding
from mlops_ci.settings.settings import Tables
from mlops_ci.settings.spans import parse

PARAMETER_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def sweep(tables: Tables) -> Iterator[Finding]:
    """Everything that makes no sense."""
    yield from _parameters(tables)
    rule = tables.sweep
    if not rule.on:
        return
    if rule.method == "grid" and rule.ranges:
        message = 'a grid has values only: list some, or take the method "random" or "optuna"'
        yield Finding(key=("sweep", "ranges"), message=message, given=(("sweep", "method"),))
    if rule.metric is None and tables.evaluate.metric is None:
        message = "needs `metric`, by which trials are compared, or [evaluate] metric"
        yield Finding(key=("sweep", "method"), message=message, given=(("evaluate", "metric"),))
    if tables.train.nodes > 1:
        message = "trials of several nodes cannot be told apart: sweep on one node"
        yield Finding(key=("train", "nodes"), message=message, given=(("sweep", "method"),))


def _parameters(tables: Tables) -> Iterator[Finding]:
    rule = tables.sweep
    for table in ("values", "ranges"):
        for name in getattr(rule, table):
            if not PARAMETER_NAME.fullmatch(name):
                message = "a parameter's name has letters, digits, `_`, `-` and `.` only"
                yield Finding(key=("sweep", table, name), message=message)
    for name, choices in rule.values.items():
        if not choices:
            yield Finding(key=("sweep", "values", name), message="there is no value to try")
        if name in rule.ranges:
            yield Finding(key=("sweep", "ranges", name), message="the parameter has `values` too: keep one of them")
    for name, text in rule.ranges.items():
        try:
            parse(text)
        except ValueError as error:
            yield Finding(key=("sweep", "ranges", name), message=str(error))
