"""`mlops-ci health-check`, and the ranking of `mlops-ci verify --history`: both without any configuration."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click

from mlops_ci.commands.invocation import termination
from mlops_ci.commands.voice import hand_on_exit_code, new_console
from mlops_ci.errors import UsageError
from mlops_ci.files import write_atomic
from mlops_ci.fleet import history
from mlops_ci.fleet.document import Health, written
from mlops_ci.fleet.ranking import Rank, rank
from mlops_ci.guest.health import known
from mlops_ci.nearness import did_you_mean
from mlops_ci.records.codec import to_json
from mlops_ci.records.verify import VerifyOutputs
from mlops_ci.reporting.health import junit, markdown, prometheus, screen
from mlops_ci.run.clock import now, stamp
from mlops_ci.settings.units import Duration
from mlops_ci.settings.verify import VerifySettings
from mlops_ci.stages.health import Found
from mlops_ci.stages.standalone import RUN, Wanted, check
from mlops_ci.stores.base import Store
from mlops_ci.stores.open import open_store

DEGRADED = 1
ENDPOINT = "MLOPS_CI_PUBLISH__ENDPOINT"
FORMATS = {"junit": junit, "markdown": markdown, "prometheus": prometheus}
Level = Literal["static", "quick", "standard", "long"]


class BadOptionError(UsageError):
    """An option's value makes no sense."""


def health_check(
    *,
    image: str | None,
    python: Path | None,
    gpus: int | None,
    level: Level | None,
    only: tuple[str, ...],
    fail_on: str,
    form: str,
    output: Path | None,
    place: str | None,
    **durations: str | None,
) -> int:
    """Look at this node and say what was found; the exit code is that of the table."""
    console = new_console(verbose=False)
    for name in only:
        if not known.is_check(name):
            near = did_you_mean(name, known.checks())
            raise BadOptionError(
                f"--check={name} names no check{near}", hint="docs/reference/health-checks.md names all"
            )
    verify = VerifySettings(level=level, only=only, **_durations(durations))
    wanted = Wanted(
        verify=verify,
        gpus=gpus,
        python=None if image else _python(python),
        image=image,
        cache=_cache() / "health",
        store=_store(place) if place else None,
    )
    with termination():
        found = check(wanted, console)
    code = _code(found, fail_on)
    for line in screen(found.outputs) if output is not None or form != "text" else ():
        console.say(line)
    for warning in found.warnings:
        console.say(f"! {warning}")
    seen = sum(bool(one.uuid) for one in found.outputs.details)
    _write(_text(found, form, image or str(wanted.python), seen if gpus is None else gpus), output)
    if code:
        hand_on_exit_code(code)
    return code


def ranking(place: str, *, as_json: bool) -> int:
    """Rank nodes and GPUs over past looks, the worst first."""
    ranks = rank(list(history.looks(_store(place))))
    if as_json:
        click.echo(json.dumps([{**to_json(one), "lemon": one.lemon} for one in ranks], indent=2))
        return 0
    if not ranks:
        click.echo(f"no verdicts in {place}")
        return 0
    for one in ranks:
        click.echo(_rank_line(one))
    lemons = [one.name for one in ranks if one.lemon]
    click.echo(f"lemons: {', '.join(lemons) or 'none'}")
    return 0


def _rank_line(one: Rank) -> str:
    speed = "" if one.speed is None else f", speed {one.speed:.0%} of its likes"
    why = f" ({', '.join(one.why)})" if one.why else ""
    mark = "✗" if one.lemon else "✓" if not one.unhealthy and not one.degraded else "!"
    return (
        f"{mark} {one.kind} {one.name}: {one.unhealthy} of {one.looks} unhealthy{why}, {one.degraded} degraded{speed}; "
        f"last {one.last}"
    )


def _durations(values: dict[str, str | None]) -> dict[str, Any]:
    found = {}
    for name, text in values.items():
        if text is None:
            continue
        try:
            found[name] = Duration.parse(float(text) if text.replace(".", "", 1).isdigit() else text)
        except ValueError as error:
            raise BadOptionError(f"--{name.replace('_', '-')}={text}: {error}", hint="such as 30, 60s or 5m") from error
    return found


def _python(named: Path | None) -> Path:
    """The Python that was named, else the active environment's, else the first on PATH, else our own."""
    if named is not None:
        return named.absolute()
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if active and os.access(Path(active) / "bin" / "python", os.X_OK):
        return Path(active) / "bin" / "python"
    return Path(shutil.which("python3") or sys.executable)


def _cache() -> Path:
    named = os.environ.get("MLOPS_CI_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-ci"


def _store(place: str) -> Store:
    return open_store(place, endpoint=os.environ.get(ENDPOINT) or None)


def _code(found: Found, fail_on: str) -> int:
    if found.error is not None:
        return found.error.exit_code
    return DEGRADED if found.outputs.verdict == "degraded" and fail_on == "degraded" else 0


def _text(found: Found, form: str, image: str, gpus: int) -> str:
    outputs: VerifyOutputs = found.outputs
    if form == "json":
        code = 0 if found.error is None else found.error.exit_code
        health = Health(at=stamp(now()), run=RUN, image=image, gpus=gpus, exit_code=code, result=replace(outputs))
        return json.dumps(written(health), indent=2) + "\n"
    if form in FORMATS:
        return FORMATS[form](outputs)
    return "\n".join(screen(outputs)) + "\n"


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(output, text)
