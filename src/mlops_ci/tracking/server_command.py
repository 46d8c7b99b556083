"""How the embedded MLflow server is started: what is run, and with which variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_ci.tracking import database
from mlops_ci.tracking.constants import constants

ARTIFACTS = "artifacts"


@dataclass(frozen=True, kw_only=True)
class ServerCommand:
    """`python -m MODULE...`, with more `environment`, in the server's folder."""

    module: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def server_command(host: str, port: int, name: str, version: str) -> ServerCommand:
    """The server of MLflow `version` at `host`; `name` is the host as it stands in an address.

    `mlflow server` loads MLflow to read its options and then starts the application, which loads it again. Of a version
    whose application is known it is started at once, in half the time and as one process.
    """
    names = [name, f"{name}:{port}"]
    if host == "127.0.0.1":
        names += ["localhost", f"localhost:{port}"]
    allowed, origin = ",".join(names), f"http://{name}:{port}"
    # Paths relative to its folder: a database address has no way to quote what a path may hold.
    store, artifacts = f"sqlite:///{database.DATABASE}", f"./{ARTIFACTS}"
    address = ("--host", host, "--port", str(port), "--workers", "1")
    known = constants().server.application
    if version.rpartition(".")[0] not in known.versions:
        stores = ("--backend-store-uri", store, "--artifacts-destination", artifacts)
        guard = ("--allowed-hosts", allowed, "--cors-allowed-origins", origin)
        return ServerCommand(module=("mlflow", "server", *address, *stores, *guard))
    given = {"store": store, "artifacts": artifacts, "allowed": allowed, "origin": origin}
    variables = {variable: value.format(**given) for variable, value in known.environment.items()}
    return ServerCommand(module=("mlops_ci.tracking.application", *address, known.name), environment=variables)
