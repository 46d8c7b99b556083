"""How this configuration's stores and CA bundle are reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlops_ci import network
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stores.base import Store
from mlops_ci.stores.limits import Limits, StoreOptions
from mlops_ci.stores.open import open_store


def ca_bundle(settings: Settings) -> Path | None:
    """The CA bundle for everything that speaks TLS."""
    name = settings.tables.mirrors.ca_bundle
    return network.ca_bundle(settings.root / name if name else None)


def store_opener(settings: Settings) -> Callable[[str], Store]:
    """Opens the store at an address; a folder is relative to the configuration file."""
    publish = settings.tables.publish
    options = StoreOptions(
        limits=Limits(bandwidth=publish.max_bandwidth, concurrency=publish.max_concurrency),
        sse=publish.sse,
        sse_key=publish.sse_key,
    )

    def open_at(uri: str) -> Store:
        return open_store(
            uri if "://" in uri else str(settings.root / uri),
            endpoint=publish.endpoint,
            region=publish.region,
            ca_bundle=ca_bundle(settings),
            options=options,
        )

    return open_at


def configured_store(settings: Settings, workspace: Workspace) -> Store:
    """The object store: the configured one, else the local folder."""
    return store_opener(settings)(settings.tables.publish.store or str(workspace.store))
