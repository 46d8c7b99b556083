"""One real MLflow server and one real S3 bucket for many runs: emptied between them, looked through after each."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mlops_ci.stores.open import open_store
from mlops_ci.stores.s3 import S3Store
from support.fixtures_servers import S3Endpoint, own
from support.mlflow_restartable import RestartableServer
from support.s3_places import BUCKET, make_bucket, raw_client
from support.state import final_state
from support.testbed.ports import free_ports
from support.testbed.s3_server import S3Server

MODEL = "mean"
PREFIX = "chaos"
# Of what is kept of the two servers.
MLFLOW = "mlflow.db"
OBJECTS = "objects"


@dataclass(frozen=True)
class Servers:
    """Where they are. Nobody else uses them: counts are of all that they hold."""

    s3: S3Endpoint
    tracking: str
    database: Path

    @property
    def settings(self) -> dict[str, str]:
        """The environment by which a run uses them."""
        return {
            "MLOPS_CI_PUBLISH__STORE": f"s3://{BUCKET}/{PREFIX}",
            "MLOPS_CI_PUBLISH__ENDPOINT": self.s3.endpoint,
            "MLOPS_CI_TRACKING__URI": self.tracking,
            **self.s3.environment,
        }

    def empty(self) -> None:
        """Remove what the last run left, also what it should not have left."""
        client = MlflowClient(tracking_uri=self.tracking)
        for model in client.search_registered_models():
            client.delete_registered_model(model.name)
        for experiment in client.search_experiments():
            for one in client.search_logged_models([experiment.experiment_id]):
                client.delete_logged_model(one.model_id)
            for run in client.search_runs([experiment.experiment_id]):
                client.delete_run(run.info.run_id)
        self._empty_bucket()

    def _empty_bucket(self) -> None:
        raw = self._bucket()
        for upload in raw.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
            raw.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        for info in list(self.store().list()):
            self.store().delete(info.key)

    def keep(self, folder: Path) -> None:
        """Keep in `folder` what both hold now; unfinished uploads are not kept."""
        folder.mkdir()
        _copied(self.database, folder / MLFLOW)
        store = self.store()
        for info in list(store.list()):
            path = folder / OBJECTS / info.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.get_bytes(info.key))

    def restore(self, folder: Path) -> None:
        """Let both hold what was kept there, and nothing else."""
        self._empty_bucket()
        _copied(folder / MLFLOW, self.database)
        objects, store = folder / OBJECTS, self.store()
        for path in objects.rglob("*"):
            if path.is_file():
                key = path.relative_to(objects).as_posix()
                store.put_bytes(key, path.read_bytes(), only_if_absent=False)

    def store(self) -> S3Store:
        """What a run publishes into."""
        store = open_store(f"s3://{BUCKET}/{PREFIX}", endpoint=self.s3.endpoint)
        assert isinstance(store, S3Store)
        return store

    def state(self, project: Path, run: str) -> dict[str, Any]:
        """The final state of a run, and everything that the two servers hold, counted by kind."""
        client = MlflowClient(tracking_uri=self.tracking)
        experiments = [one.experiment_id for one in client.search_experiments()]
        (model,) = client.search_registered_models()
        uploads = self._bucket().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return {
            **final_state(project, run, self.store(), self.tracking),
            "objects": dict(Counter(info.key.split("/")[0] for info in self.store().list())),
            "unfinished uploads": len(uploads),
            "all runs": len(client.search_runs(experiments)),
            "logged models": [str(one.status) for one in client.search_logged_models(experiments)],
            "all versions": len(client.search_model_versions(f"name = '{model.name}'")),
            "aliases": sorted(model.aliases),
        }

    def _bucket(self) -> Any:
        return raw_client(self.s3)


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Both, started for this block; `folder` holds MLflow's database."""
    with ExitStack() as stack:
        s3 = S3Endpoint.of(stack.enter_context(own(S3Server)))
        make_bucket(s3)
        mlflow = RestartableServer(folder, free_ports(1)[0])
        mlflow.start()
        stack.callback(mlflow.kill)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        yield Servers(s3=s3, tracking=mlflow.uri, database=folder / MLFLOW)


def _copied(source: Path, target: Path) -> None:
    """The content of one database as that of the other, whoever has it open."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target, timeout=60)) as other:
        one.backup(other)
