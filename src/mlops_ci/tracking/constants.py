"""The numbers of the tracking room, from `resources/tracking.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mlops_ci.network import RetryPolicy


@dataclass(frozen=True, kw_only=True)
class PlainConstants:
    """Of the variables that begin as `watched` says, plain HTTP knows what these `variables` mean."""

    watched: tuple[str, ...]
    variables: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class ClientConstants:
    """`defaults` and `fixed` are environment variables for MLflow's client, `oldest_server` a version."""

    oldest_server: str
    retry: RetryPolicy
    defaults: Mapping[str, str]
    fixed: Mapping[str, str]
    plain: PlainConstants


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an MLflow server takes: entries per request, characters per key and value."""

    metrics_per_batch: int
    param_length: int
    tag_length: int
    key_length: int
    params_per_batch: int


@dataclass(frozen=True, kw_only=True)
class ForwardConstants:
    """`every`, `longest_wait`, `stop` and `system_every` in seconds; `points` per request."""

    every: float
    points: int
    longest_wait: float
    stop: float
    system_every: float
    refused: int


@dataclass(frozen=True, kw_only=True)
class ServerApplication:
    """The application behind `mlflow server`, of these `versions` (`major.minor`), and what it needs told."""

    versions: tuple[str, ...]
    name: str
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ServerConstants:
    """Seconds for `start`, `stop`, a `busy` folder and an `upgrade`; `attempts` at a free port; `kept_logs` files."""

    start: float
    stop: float
    busy: float
    upgrade: float
    attempts: int
    kept_logs: int
    environment: Mapping[str, str]
    application: ServerApplication


@dataclass(frozen=True, kw_only=True)
class TrackingConstants:
    """All of them."""

    client: ClientConstants
    limits: Limits
    forward: ForwardConstants
    server: ServerConstants


@cache
def constants() -> TrackingConstants:
    """The constants, read once."""
    tables = tomllib.loads(files("mlops_ci.resources").joinpath("tracking.toml").read_text(encoding="utf-8"))
    client = dict(tables["client"])
    retry = RetryPolicy(**client.pop("retry"))
    plain = client.pop("plain")
    server = dict(tables["server"])
    application = server.pop("application")
    return TrackingConstants(
        client=ClientConstants(
            **client,
            retry=retry,
            plain=PlainConstants(watched=tuple(plain["watched"]), variables=frozenset(plain["variables"])),
        ),
        limits=Limits(**tables["limits"]),
        forward=ForwardConstants(**tables["forward"]),
        server=ServerConstants(
            **server, application=ServerApplication(**{**application, "versions": tuple(application["versions"])})
        ),
    )
