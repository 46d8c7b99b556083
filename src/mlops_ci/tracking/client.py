"""Runs in MLflow: one for each run of ours, whatever happens in between."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from mlops_ci.network import RetryPolicy
from mlops_ci.redaction import Redactor
from mlops_ci.tracking.address import run_link
from mlops_ci.tracking.connection import Connection, already_there
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.errors import TrackingExistsError, TrackingNotFoundError, TrackingRefusedError
from mlops_ci.tracking.names import clean
from mlops_ci.tracking.points import MetricPoint

T = TypeVar("T")
Status = Literal["FINISHED", "FAILED", "KILLED"]

RUN_TAG = "mlops.run"


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """An MLflow run. `started_ms` is its start in milliseconds of Unix time; `resumed` when it existed already.

    `conflicts` are parameters that it has with another value: MLflow never changes one.
    """

    experiment_id: str
    run_id: str
    started_ms: int
    resumed: bool = False
    conflicts: tuple[str, ...] = ()


class Tracker:
    """The runs of one MLflow server. Errors are those of `Connection.ask`."""

    def __init__(self, uri: str, redactor: Redactor | None = None, *, policy: RetryPolicy | None = None) -> None:
        self.connection = Connection(uri, redactor, policy=policy)

    @property
    def public_uri(self) -> str:
        """The server's address without credentials, for records."""
        return self.connection.uri

    def link(self, run: TrackedRun) -> str:
        """The page of a run in MLflow's user interface."""
        return run_link(self.public_uri, run.experiment_id, run.run_id)

    def start_run(
        self,
        experiment: str,
        *,
        run: str,
        name: str | None = None,
        tags: Mapping[str, object] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> TrackedRun:
        """The MLflow run that has our run's id as tag `mlops.run`: the existing one, running again, or a new one.

        Tags are set and parameters that it lacks are added, so a start that was cut off is completed by the next one.
        """
        self.connection.check()
        experiment_id = self._experiment(experiment)
        wanted = {clean(key): self._text(value, "tag_length") for key, value in (tags or {}).items()}
        wanted[RUN_TAG] = run
        found, resumed = self.connection.ask(
            f"starting the run {run}", lambda client: _find_or_create(client, experiment_id, run, name or run, wanted)
        )
        started = TrackedRun(
            experiment_id=experiment_id,
            run_id=str(found.info.run_id),
            started_ms=int(found.info.start_time),
            resumed=resumed,
            conflicts=self._complete(found, wanted, params or {}),
        )
        if resumed and found.info.status != "RUNNING":
            self.connection.ask(
                f"resuming the run {run}", lambda client: client.update_run(started.run_id, status="RUNNING")
            )
        return started

    def finish(self, run_id: str, status: Status) -> None:
        """Mark the end of a run."""
        self.connection.ask(f"ending the run {run_id}", lambda client: client.set_terminated(run_id, status=status))

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Log numbers that were measured now."""
        now = int(time.time() * 1000)
        self.log_points(
            run_id,
            [
                MetricPoint(name=clean(name), value=float(value), step=step, timestamp=now)
                for name, value in metrics.items()
            ],
        )

    def log_points(self, run_id: str, points: Sequence[MetricPoint], *, policy: RetryPolicy | None = None) -> None:
        """Log points with names that MLflow takes. A server on SQL stores a point that comes twice once."""
        entities = self.connection.entities
        for part in _parts(points, constants().limits.metrics_per_batch):
            batch = [entities.Metric(one.name, one.value, one.timestamp, one.step) for one in part]
            self.connection.ask("logging metrics", partial(_log_batch, run_id=run_id, metrics=batch), policy=policy)

    def set_tags(self, run_id: str, tags: Mapping[str, object]) -> None:
        """Set tags, replacing values."""
        self._log_texts(run_id, {clean(key): self._text(value, "tag_length") for key, value in tags.items()}, {})

    def metric_names(self, run_id: str, *, policy: RetryPolicy | None = None) -> set[str]:
        """The metrics of which the run has a point; raises `TrackingNotFoundError` for a deleted run."""
        found = self.connection.ask("asking for metrics", lambda client: client.get_run(run_id), policy=policy)
        if found.info.lifecycle_stage == "deleted":
            raise TrackingNotFoundError(
                f"the MLflow run {run_id} was deleted on {self.public_uri}", hint="restore it in MLflow, or run again"
            )
        return set(found.data.metrics)

    def history(self, run_id: str, metric: str, *, policy: RetryPolicy | None = None) -> list[MetricPoint]:
        """All points of one metric that the server has."""
        found = self.connection.ask(
            f"asking for the points of {metric}",
            lambda client: client.get_metric_history(run_id, metric),
            policy=policy,
        )
        return [
            MetricPoint(name=metric, value=float(one.value), step=int(one.step), timestamp=int(one.timestamp))
            for one in found
        ]

    def earlier(
        self, run: TrackedRun, tags: Mapping[str, str], metrics: Sequence[str], *, most: int
    ) -> dict[str, list[float]]:
        """The last values of these metrics in the newest finished runs of the experiment with these tags, but `run`."""
        wanted = [f"tags.`{name}` = '{_quoted(self._text(value, 'tag_length'))}'" for name, value in tags.items()]
        query = " and ".join(["attributes.status = 'FINISHED'", *wanted])
        found = self.connection.ask(
            "looking for earlier runs",
            lambda client: client.search_runs([run.experiment_id], filter_string=query, max_results=most + 1),
        )
        others = [one for one in found if one.info.run_id != run.run_id][:most]
        return {name: [float(one.data.metrics[name]) for one in others if name in one.data.metrics] for name in metrics}

    def started_ms(self, run_id: str, *, policy: RetryPolicy | None = None) -> int:
        """When the run started, in milliseconds of Unix time."""
        found = self.connection.ask("asking for the run", lambda client: client.get_run(run_id), policy=policy)
        return int(found.info.start_time)

    def _experiment(self, name: str) -> str:
        doing = f"looking for the experiment {name!r}"
        found = self.connection.ask(doing, lambda client: _experiment(client, name))
        if found.lifecycle_stage == "deleted":
            raise TrackingRefusedError(
                f"the MLflow experiment {name!r} is deleted, and its name can't be used anew",
                hint="restore it in MLflow, or set another [tracking] experiment",
            )
        return str(found.experiment_id)

    def _complete(self, found: Any, tags: Mapping[str, str], params: Mapping[str, object]) -> tuple[str, ...]:
        """Add what the run lacks; gives the parameters that it has with another value."""
        wanted = {clean(key): self._text(value, "param_length") for key, value in params.items()}
        present = dict(found.data.params)
        self._log_texts(
            str(found.info.run_id),
            {key: value for key, value in tags.items() if found.data.tags.get(key) != value},
            {key: value for key, value in wanted.items() if key not in present},
        )
        return tuple(sorted(key for key, value in wanted.items() if present.get(key, value) != value))

    def _log_texts(self, run_id: str, tags: Mapping[str, str], params: Mapping[str, str]) -> None:
        entities = self.connection.entities
        size = constants().limits.params_per_batch
        doing = "logging tags and parameters"
        for some_tags in _parts([entities.RunTag(key, value) for key, value in tags.items()], size):
            self.connection.ask(doing, partial(_log_batch, run_id=run_id, tags=some_tags))
        for some_params in _parts([entities.Param(key, value) for key, value in params.items()], size):
            self.connection.ask(doing, partial(_log_batch, run_id=run_id, params=some_params))

    def _text(self, value: object, limit: Literal["tag_length", "param_length"]) -> str:
        """A value as text, without secrets, cut to what the server takes."""
        text = self.connection.redactor.clean(str(value).lower() if isinstance(value, bool) else str(value))
        most: int = getattr(constants().limits, limit)
        return text if len(text) <= most else text[: most - 3] + "..."


def _experiment(client: Any, name: str) -> Any:
    """The experiment of that name, created if need be; another process may create it at the same moment."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            client.create_experiment(name)
        except Exception as error:
            if not already_there(error):
                raise
        found = client.get_experiment_by_name(name)
    if found is None:
        raise TrackingExistsError(f"the MLflow experiment {name!r} exists, and can't be seen", hint="check permissions")
    return found


def _log_batch(client: Any, *, run_id: str, **entities: Any) -> None:
    client.log_batch(run_id, synchronous=True, **entities)


def _find_or_create(client: Any, experiment_id: str, run: str, name: str, tags: Mapping[str, str]) -> tuple[Any, bool]:
    """The oldest run with our id, or a new one; and whether it was there before.

    A request whose sender was killed may be carried out after we looked. Then there are two, and the younger one, which
    is empty and has just been made by us, is taken back.
    """
    found = _runs(client, experiment_id, run)
    if found:
        return found[0], True
    created = client.create_run(experiment_id, tags=dict(tags), run_name=name)
    both = _runs(client, experiment_id, run)
    if not both or both[0].info.run_id == created.info.run_id:
        return created, False
    client.delete_run(created.info.run_id)
    return both[0], True


def _runs(client: Any, experiment_id: str, run: str) -> list[Any]:
    if "'" in run:
        raise ValueError(f"a run id holds no quote: {run!r}")
    found = client.search_runs([experiment_id], filter_string=f"tags.`{RUN_TAG}` = '{run}'")
    return sorted(found, key=lambda one: (one.info.start_time, one.info.run_id))


def _quoted(text: str) -> str:
    """A value inside the quotes of a filter, whose language has no way to write one: it is a text without them."""
    return text.replace("'", "").replace('"', "")


def _parts(items: Iterable[T], size: int) -> list[list[T]]:
    whole = list(items)
    return [whole[start : start + size] for start in range(0, len(whole), size)]
