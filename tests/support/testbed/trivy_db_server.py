"""The test vulnerability database, served as the OCI artifact that Trivy downloads."""

from __future__ import annotations

import sys
from pathlib import Path

from . import http_probe, ports
from .service import Launch, Service
from .state import ServiceRecord

TESTS = Path(__file__).resolve().parents[2]


class TrivyDbServer(Service):
    """`support.oci_server` as a process of its own; the database is built at each start and thus fresh for a day."""

    name = "trivy-db"
    stop_seconds = 2

    def prepare(self) -> Launch:
        """Choose its port and folder."""
        (port,) = ports.free_ports(1)
        folder = self.state.folder(self.name)
        return Launch(
            argv=(sys.executable, "-m", "support.oci_server", "--port", str(port), "--cache", str(folder)),
            ports=(port,),
            environment={"PYTHONPATH": str(TESTS)},
            exports={"MLOPS_CI_TEST_TRIVY_DB_REPOSITORY": f"127.0.0.1:{port}/trivy-db:2"},
        )

    def answers(self, record: ServiceRecord, /) -> bool:
        """Whether the artifact's manifest can be had."""
        return http_probe.status_over_tcp("127.0.0.1", record.ports[0], "/v2/trivy-db/manifests/2") == 200
