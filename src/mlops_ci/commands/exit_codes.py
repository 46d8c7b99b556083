"""`mlops-ci exit-codes`: the one table for every provider."""

from __future__ import annotations

import click

TABLE: tuple[tuple[str, str, str], ...] = (
    ("0", "done (also: champion kept; waiting for approval)", ""),
    ("1", "a gate said no: findings, a floor missed", "nobody retries"),
    ("2", "usage or configuration error", "nobody retries"),
    ("3", "something needed is missing or too old on this machine", "`mlops-ci doctor` says what"),
    ("4", "a check could not be carried out: never a pass", "nobody retries"),
    ("10", "infrastructure: registry, store, MLflow, network, engine", "the same runner, with back-off"),
    ("11", "this node is unhealthy", "another node"),
    ("12", "preempted or out of time, checkpoint saved", "resumes"),
    ("20", "the user's code failed", "nobody retries"),
    ("21", "out of time or stalled, no checkpoint", "nobody retries"),
    ("70", "a bug of mlops-ci", "prints a paste-ready report"),
    ("130, 143", "interrupted, terminated", ""),
)


def exit_codes() -> int:
    """Print the table."""
    for code, meaning, retry in TABLE:
        click.echo(f"{code:<9} {meaning:<60} {retry}".rstrip())
    return 0
