"""The table `[nightly]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Range
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Text, Variable


@dataclass(frozen=True, kw_only=True)
class NightlySettings(Table):
    """The scheduled retrain (`--mode nightly`): when it is expected, and when it has something to do."""

    schedule: Annotated[Text | None, Example("0 2 * * *")] = None
    """When the CI system starts it, as the five fields of cron: `mlops-ci nightly status` judges by it. It starts
    nothing itself: the schedule of the CI system does."""
    timezone: Text = "UTC"
    """The time zone of `schedule`, such as `Europe/Berlin`. GitHub's own schedules run in UTC."""
    max_age: Duration = Duration(7 * 86400)
    """When the last successful run is older than this, the night trains although nothing is new."""
    start_within: Duration = Duration(3600)
    """How long after its time a run may start; what has not started by then is missed."""
    end_within: Duration = Duration(12 * 3600)
    """How long a run may take before it counts as running too long."""
    ping_url: Variable = "MLOPS_CI_PING_URL"
    """The environment variable that holds the address of a dead man's switch (healthchecks style: the address itself
    on success, with `/start` and `/fail` behind it for the rest). Without the variable nothing is sent."""
    decay_margin: Annotated[Annotated[float, Range(0)] | None, Example(0.02)] = None
    """By how much the champion's metric may be worse on fresh data than at its promotion before `mlops-ci nightly
    decay` fails. Default: `[evaluate] margin`."""
    canary: Annotated[Text | None, Example("next")] = None
    """The overlay `[mode.NAME]` with which a night runs a second cell beside its own: another image, another version of
    torch. It is built, checked, scanned and trained, told on the night's page, never published, and fails nothing.
    Default: no canary."""
    canary_timeout: Duration = Duration(2 * 3600)
    """How long the canary may take in all; then it is stopped, and the night's report says so."""
    drift: Annotated[Literal["report", "gate"] | None, Example("report")] = None
    """Compare the data with that of the last successful night, by stated tests on the columns of CSV and JSON Lines
    files: `report` shows what has shifted, `gate` fails the night before it trains. Default: not compared."""
    drift_ignore: Annotated[tuple[Text, ...], Example(["id", "date"])] = ()
    """Columns that are new every night by their nature: ids, times."""
