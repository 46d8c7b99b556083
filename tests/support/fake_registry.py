"""A model registry without a server: the calls of MLflow's client that ours makes, on dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from mlops_ci.redaction import Redactor
from mlops_ci.tracking.errors import TrackingDownError, TrackingNotFoundError
from mlops_ci.tracking.registry import ModelRegistry


class Page(list):
    """A page of a search: the only one."""

    token = None


@dataclass
class FakeClient:
    """Versions by model (each with its tags), aliases by model; `moves` is every alias that was set."""

    models: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    named: dict[str, dict[str, str]] = field(default_factory=dict)
    moves: list[tuple[str, str]] = field(default_factory=list)
    before_move: Callable[[str, str], None] = lambda *_: None

    def get_model_version(self, model: str, version: str) -> Any:
        tags = self.models.get(model, {}).get(str(version))
        if tags is None:
            raise TrackingNotFoundError(f"no version {version} of {model}")
        return SimpleNamespace(version=version, tags=dict(tags))

    def get_model_version_by_alias(self, model: str, alias: str) -> Any:
        version = self.named.get(model, {}).get(alias)
        if version is None:
            raise TrackingNotFoundError(f"no alias {alias} of {model}")
        return self.get_model_version(model, version)

    def get_registered_model(self, model: str) -> Any:
        if model not in self.models:
            raise TrackingNotFoundError(f"no model {model}")
        return SimpleNamespace(aliases=dict(self.named.get(model, {})))

    def search_model_versions(self, filter_string: str, *, max_results: int, page_token: str | None) -> Page:
        model = filter_string.split("'")[1]
        return Page(self.get_model_version(model, version) for version in self.models.get(model, {}))

    def set_registered_model_alias(self, model: str, alias: str, version: str) -> None:
        self.before_move(alias, version)
        self.moves.append((alias, version))
        self.named.setdefault(model, {})[alias] = version

    def set_model_version_tag(self, model: str, version: str, key: str, value: str) -> None:
        self.models[model][version][key] = value


@dataclass
class FakeConnection:
    """Asks the fake client; with `down` nobody answers."""

    client: FakeClient
    uri: str = "https://mlflow.example"
    redactor: Redactor = field(default_factory=Redactor)
    down: bool = False

    def check(self) -> None:
        self.ask("checking", lambda _: None)

    def ask(self, doing: str, call: Callable[[Any], Any], *, policy: Any = None) -> Any:
        if self.down:
            raise TrackingDownError(f"the MLflow server at {self.uri} could not be asked, while {doing}")
        return call(self.client)


def fake_registry(client: FakeClient) -> ModelRegistry:
    """A registry of ours on the fake client."""
    registry = ModelRegistry("https://mlflow.example")
    registry.connection = FakeConnection(client)
    return registry
