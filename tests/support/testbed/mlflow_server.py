"""A real MLflow tracking server on SQLite."""

from __future__ import annotations

import shutil

from . import http_probe, ports, tools
from .docker_engine import DockerEngine
from .service import Launch, Service
from .state import ServiceRecord

LOOPBACK = "127.0.0.1"


class MlflowServer(Service):
    """`mlflow server` without its job runner (4 s to start instead of 9); it starts empty each time.

    Beside a Docker engine it listens on the bridge's gateway address, which containers reach under the same URI.
    """

    name = "mlflow"
    ready_seconds = 120

    def prepare(self) -> Launch:
        """Choose its address and an empty folder."""
        self.clean()
        folder = self.state.folder(self.name)
        engine = DockerEngine(self.state).running()
        host = engine.environment["MLOPS_CI_TEST_GATEWAY"] if engine else LOOPBACK
        (port,) = ports.free_ports(1)
        flags = (
            f"--host {host} --port {port} --workers 1 --backend-store-uri sqlite:///{folder}/mlflow.db "
            f"--artifacts-destination file://{folder}/artifacts"
        )
        return Launch(
            argv=(tools.need("mlflow"), "server", *flags.split()),
            ports=(port,),
            environment={
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "DO_NOT_TRACK": "true",
            },
            without=("MLFLOW_",),
            exports={"MLOPS_CI_TEST_MLFLOW_URI": f"http://{host}:{port}"},
        )

    def answers(self, record: ServiceRecord, /) -> bool:
        """Whether the API answers under the very name its users say: the health page answers earlier, and to any."""
        host = record.environment["MLOPS_CI_TEST_MLFLOW_URI"].removeprefix("http://").rpartition(":")[0]
        path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
        return http_probe.status_over_tcp(host, record.ports[0], path) == 200

    def clean(self) -> None:
        """Remove runs and artifacts."""
        shutil.rmtree(self.state.root / self.name, ignore_errors=True)
