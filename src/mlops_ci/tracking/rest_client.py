"""The part of MLflow's client that is used here, in plain HTTP: the same names, and what they give."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from mlops_ci.tracking import rest_answers as answers
from mlops_ci.tracking.rest import Rest, RestError

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
MOST = 1000
# As many as MLflow's own client asks for (3.17, mlflow/store/tracking/__init__.py: GET_METRIC_HISTORY_MAX_RESULTS).
HISTORY_PAGE = 25_000
NO_RUN = "unknown"
USER = "mlflow.user"
PENDING = "PENDING_REGISTRATION"
LONGEST = 300.0


class RestClient:
    """One MLflow server. Raises `RestError`, or `requests.RequestException` when there is no answer."""

    def __init__(self, uri: str) -> None:
        self.rest = Rest(uri)

    def search_experiments(self, *, max_results: int) -> list[answers.Experiment]:
        """The newest experiments."""
        found = self.rest.post("/experiments/search", max_results=max_results)
        return [answers.experiment(one) for one in found.get("experiments") or ()]

    def get_experiment_by_name(self, name: str) -> answers.Experiment | None:
        """The experiment of that name, a deleted one too; None when there is none."""
        try:
            found = self.rest.get("/experiments/get-by-name", experiment_name=name)
        except RestError as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return answers.experiment(found["experiment"])

    def create_experiment(self, name: str) -> None:
        """Make an experiment."""
        self.rest.post("/experiments/create", name=name)

    def create_run(
        self,
        experiment_id: str,
        *,
        tags: Mapping[str, str],
        run_name: str | None = None,
        start_time: int | None = None,
    ) -> answers.MlflowRun:
        """A new run, that runs, since now if nothing else is said."""
        found = self.rest.post(
            "/runs/create",
            experiment_id=experiment_id,
            user_id=tags.get(USER, NO_RUN),
            start_time=_now() if start_time is None else start_time,
            tags=answers.listed(tags),
            run_name=run_name,
        )
        return answers.run(found["run"])

    def get_run(self, run_id: str) -> answers.MlflowRun:
        """A run."""
        return answers.run(self.rest.get("/runs/get", run_id=run_id)["run"])

    def search_runs(
        self, experiment_ids: Sequence[str], filter_string: str, *, max_results: int = MOST
    ) -> list[answers.MlflowRun]:
        """The newest runs that the filter lets through and that are not deleted."""
        found = self.rest.post(
            "/runs/search",
            experiment_ids=list(experiment_ids),
            filter=filter_string,
            run_view_type="ACTIVE_ONLY",
            max_results=max_results,
        )
        return [answers.run(one) for one in found.get("runs") or ()]

    def update_run(self, run_id: str, *, status: str) -> None:
        """Change the state of a run."""
        self.rest.post("/runs/update", run_id=run_id, status=status)

    def set_terminated(self, run_id: str, *, status: str) -> None:
        """End a run now."""
        self.rest.post("/runs/update", run_id=run_id, status=status, end_time=_now())

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self.rest.post("/runs/delete", run_id=run_id)

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Iterable[answers.Metric] = (),
        params: Iterable[answers.Param] = (),
        tags: Iterable[answers.RunTag] = (),
        synchronous: bool = True,
    ) -> None:
        """Log all of it, and come back when the server has it, as `synchronous` asks."""
        _ = synchronous
        points = [
            {"key": one.key, "value": answers.number(one.value), "timestamp": one.timestamp, "step": one.step}
            for one in metrics
        ]
        texts = {"params": {one.key: one.value for one in params}, "tags": {one.key: one.value for one in tags}}
        body = {name: answers.listed(some) for name, some in texts.items()}
        self.rest.post("/runs/log-batch", run_id=run_id, metrics=points, **body)

    def get_metric_history(self, run_id: str, key: str) -> list[answers.Metric]:
        """All points of a metric, page by page: of a long training one answer with all takes longer than is waited."""
        found: list[answers.Metric] = []
        token: str | None = None
        most = HISTORY_PAGE
        while True:
            page = self.rest.get(
                "/metrics/get-history", run_id=run_id, metric_key=key, max_results=most, page_token=token
            )
            found.extend(answers.point(one) for one in page.get("metrics") or ())
            token = page.get("next_page_token")
            if not token:
                return found

    def create_registered_model(self, name: str) -> None:
        """Make a registered model."""
        self.rest.post("/registered-models/create", name=name)

    def get_registered_model(self, name: str) -> answers.RegisteredModel:
        """A registered model."""
        return answers.registered_model(self.rest.get("/registered-models/get", name=name)["registered_model"])

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Move an alias."""
        self.rest.post("/registered-models/alias", name=name, alias=alias, version=version)

    def get_model_version_by_alias(self, name: str, alias: str) -> answers.ModelVersion:
        """The version that has the alias."""
        found = self.rest.get("/registered-models/alias", name=name, alias=alias)
        return answers.model_version(found["model_version"])

    def get_model_version(self, name: str, version: str) -> answers.ModelVersion:
        """A version."""
        found = self.rest.get("/model-versions/get", name=name, version=version)
        return answers.model_version(found["model_version"])

    def search_model_versions(
        self, filter_string: str, *, max_results: int | None = None, page_token: str | None = None
    ) -> answers.Page[answers.ModelVersion]:
        """Versions that the filter lets through."""
        found = self.rest.get(
            "/model-versions/search", filter=filter_string, max_results=max_results, page_token=page_token
        )
        versions = (answers.model_version(one) for one in found.get("model_versions") or ())
        return answers.Page(versions, found.get("next_page_token") or "")

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        self.rest.post("/model-versions/set-tag", name=name, version=version, key=key, value=value)

    def create_model_version(
        self, name: str, *, source: str, run_id: str, model_id: str, tags: Mapping[str, str]
    ) -> answers.ModelVersion:
        """A new version, once the server says that it is ready."""
        found = self.rest.post(
            "/model-versions/create",
            name=name,
            source=source,
            run_id=run_id,
            model_id=model_id,
            tags=answers.listed(tags),
        )
        made = answers.model_version(found["model_version"])
        deadline = time.monotonic() + LONGEST
        while made.status == PENDING and time.monotonic() < deadline:
            time.sleep(1)
            made = self.get_model_version(name, made.version)
        if made.status != "READY":
            raise RestError(f"version {made.version} of {name} is {made.status}")
        return made

    def create_logged_model(
        self, experiment_id: str, *, name: str, source_run_id: str, tags: Mapping[str, str], model_type: str
    ) -> answers.LoggedModel:
        """A new LoggedModel, not finished."""
        found = self.rest.post(
            "/logged-models",
            experiment_id=experiment_id,
            name=name,
            source_run_id=source_run_id,
            tags=answers.listed(tags),
            model_type=model_type,
        )
        return answers.logged_model(found["model"])

    def search_logged_models(
        self, experiment_ids: Sequence[str], filter_string: str | None = None
    ) -> list[answers.LoggedModel]:
        """LoggedModels that the filter lets through."""
        found = self.rest.post("/logged-models/search", experiment_ids=list(experiment_ids), filter=filter_string)
        return [answers.logged_model(one) for one in found.get("models") or ()]

    def finalize_logged_model(self, model_id: str, status: str) -> None:
        """Say that a LoggedModel is whole."""
        self.rest.patch(f"/logged-models/{quote(model_id)}", model_id=model_id, status=f"LOGGED_MODEL_{status}")

    def log_model_artifacts(self, model_id: str, folder: str) -> None:
        """Upload the files of a folder: to the server where it takes them, else by MLflow's client."""
        model = answers.logged_model(self.rest.get(f"/logged-models/{quote(model_id)}")["model"])
        place = urlsplit(model.artifact_uri)
        if place.scheme != "mlflow-artifacts" or place.netloc:
            from mlops_ci.tracking.connection import mlflow

            mlflow().MlflowClient(tracking_uri=self.rest.uri).log_model_artifacts(model_id, folder)
            return
        for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            name = f"{place.path.strip('/')}/{file.relative_to(folder).as_posix()}"
            media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self.rest.upload(f"{ARTIFACTS}/{quote(name)}", file, media_type)

    def server_version(self) -> str | None:
        """What the server says that it is; None when it does not say (a proxy may hide that page)."""
        answer = self.rest.ask("GET", "/version")
        return answer.text.strip() if answer.status_code == 200 else None


def _now() -> int:
    return int(time.time() * 1000)
