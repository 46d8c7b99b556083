"""Real MLflow servers for the tracking room: a shared one, one that can be killed and started again, and a bad line."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.guest import bundle
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.port import held_port
from support.lossy_proxy import LossyProxy, lossy_proxy
from support.mlflow_restartable import QUICK, RestartableServer


@pytest.fixture(scope="session")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest, whose leash holds the embedded server."""
    return bundle.build(tmp_path_factory.mktemp("guest") / "mlops-guest.pyz")


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test puts into MLflow's variables does not stay."""
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def name() -> str:
    """A name that no other test has: for experiments, models and runs on a shared server."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def tracker(mlflow_server: str) -> Tracker:
    """A tracker on the shared server."""
    return Tracker(mlflow_server, policy=QUICK)


@pytest.fixture
def line(mlflow_server: str) -> Iterator[LossyProxy]:
    """A line to the shared server that loses what a test wants it to lose."""
    with lossy_proxy(mlflow_server) as proxy:
        yield proxy


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RestartableServer]:
    """A server of the test's own, started."""
    with held_port("127.0.0.1") as port:
        server = RestartableServer(tmp_path, port)
        try:
            server.start()
            yield server
        finally:
            server.kill()
