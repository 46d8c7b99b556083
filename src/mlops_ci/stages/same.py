"""Is this the run that was planned? A later job, on another machine, must work on the same inputs as the first."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_ci.config.keys import dotted, leaves
from mlops_ci.errors import UsageError
from mlops_ci.files import digest_of, write_json
from mlops_ci.run.run import Run, read_json
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.resolution import Resolution

SHOWN = 5
FILE = "settings.json"


class AnotherRunError(UsageError):
    """The run was planned for another commit, configuration or engine than this job has."""


def remember_settings(run: Run, settings: Settings) -> None:
    """Keep a digest of each setting, so that a later job can name what differs without knowing any value."""
    write_json(run.path(FILE), _digests(settings))


def check_same(run: Run, settings: Settings, resolution: Resolution, engine: str) -> None:
    """Raise `AnotherRunError` unless the run was planned for this very commit, code, configuration and engine."""
    planned = run.info.lineage
    for what, before, now in (
        ("commit", planned.commit, resolution.git.commit),
        ("engine", run.info.engine, engine),
        ("variant", run.info.variant, resolution.variant),
    ):
        if before != now:
            raise _error(run, f"was planned for the {what} {before}, and this is {now}")
    if planned.config_sha256 != resolution.config_sha256:
        raise _error(run, f"was planned with another configuration{_difference(run, settings)}")
    if planned.code_sha256 != resolution.code_sha256:
        raise _error(run, "was planned for other files than these, although the commit is the same")


def _error(run: Run, what: str) -> AnotherRunError:
    return AnotherRunError(
        f"run {run.id} {what}",
        hint="give every job of a pipeline the same commit, inputs and MLOPS_CI_ variables, or begin a run of its own",
    )


def differing(run: Run, settings: Settings) -> list[str] | None:
    """The settings that are not as the run had them; None when the run does not say how it had them.

    A setting that the run did not know (a newer version brought it) counts only when it is not at its default.
    """
    path = run.path(FILE)
    if not path.is_file():
        return None
    before, now = read_json(path), _digests(settings)
    new = {name for name in now if name not in before and _is_default(settings, name)}
    return sorted(name for name in {*before, *now} - new if before.get(name) != now.get(name))


def _is_default(settings: Settings, name: str) -> bool:
    source = settings.sources.get(name)
    return source is None or source.kind == "default"


def _difference(run: Run, settings: Settings) -> str:
    names = differing(run, settings)
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f": {', '.join(names[:SHOWN])}{more}"


def _digests(settings: Settings) -> Mapping[str, str]:
    return {dotted(key): digest_of(value)[:16] for key, value in leaves(dict(settings.effective))}
