"""A real MLflow server that a test can kill and start again, and retries that a test can wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import urllib3

from mlops_ci.network import RetryPolicy

QUICK = RetryPolicy(attempts=4, first_wait=0.05, longest_wait=0.1)


class RestartableServer:
    """A real MLflow server that keeps its port and its database when it is killed and started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self.uri = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._port = port
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait for an answer."""
        argv = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)]
        argv += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db"]
        argv += ["--artifacts-destination", f"file://{self._folder}/artifacts"]
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self._folder / "log.txt").open("ab") as log:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        deadline = time.monotonic() + 120
        with urllib3.PoolManager(retries=False, timeout=5.0) as pool:
            while True:
                assert self._child.poll() is None, (self._folder / "log.txt").read_text()[-3000:]
                assert time.monotonic() < deadline
                try:
                    pool.request("GET", f"{self.uri}/api/2.0/mlflow/experiments/search?max_results=1")
                    return
                except urllib3.exceptions.HTTPError:
                    time.sleep(0.1)

    def kill(self) -> None:
        """`kill -9`, all of it."""
        if self._child is not None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            self._child = None
