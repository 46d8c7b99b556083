"""Published models in a local store and a registry without a server: what commands on models work on."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.config.load import load
from mlops_ci.console import Console
from mlops_ci.providers.local import local_provider
from mlops_ci.publishing.publish import Publication, Sign, publish
from mlops_ci.redaction import Redactor
from mlops_ci.run.workspace import Workspace
from mlops_ci.stages.champion import MANIFEST_DIGEST_TAG, MANIFEST_TAG
from mlops_ci.stages.premises import Premises
from mlops_ci.stores.local import LocalStore

from .fake_registry import FakeClient, FakeConnection, fake_registry

MODEL = "digits"


@dataclass
class Published:
    """A store, a registry, and the premises that commands get."""

    root: Path
    store: LocalStore
    client: FakeClient
    premises: Premises

    @property
    def connection(self) -> FakeConnection:
        return self.premises.registry.connection

    def version(
        self, number: int, *, model: str = MODEL, register: bool = True, sign: Sign | None = None, **content: bytes
    ) -> Publication:
        """Publish a version: its weights name it, the configuration is the same in all."""
        folder = self.root / "in" / f"{model}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        files = {"model/model.safetensors": f"weights {number}".encode() * 100, "model/config.json": b"{}", **content}
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        done = publish(
            self.store,
            model=model,
            files=[(name, folder / name) for name in files],
            lineage={"run": run_id(number), "commit": f"c{number}", "seed": number},
            metrics={"accuracy": 0.9 + number / 100},
            evaluation={"verdict": "promote"},
            sign=sign,
        )
        if register:
            tags = {
                "mlops.run": run_id(number),
                MANIFEST_TAG: done.manifest.key,
                MANIFEST_DIGEST_TAG: done.manifest.sha256,
            }
            self.client.models.setdefault(model, {})[str(number)] = tags
        return done

    def alias(self, **versions: str) -> None:
        self.client.named.setdefault(MODEL, {}).update(versions)

    def object_of(self, number: int, *, model: str = MODEL) -> Path:
        """The file in the store that holds a version's weights."""
        import hashlib

        sha256 = hashlib.sha256(f"weights {number}".encode() * 100).hexdigest()
        return Path(self.store.uri) / "objects" / sha256[:2] / sha256


def run_id(number: int) -> str:
    return f"20261122-03150{number}-4fe1c2"


def age(store: LocalStore, prefix: str, seconds: float) -> None:
    """Make everything below `prefix` older."""
    for info in list(store.list(prefix)):
        then = time.time() - seconds
        os.utime(Path(store.uri) / info.key, (then, then))


@contextmanager
def killed_before_the_manifest(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A publish within this ends like one that is killed when its objects are there and its manifest is not."""
    write = LocalStore.put_bytes

    def kill(self: LocalStore, key: str, *args: Any, **kwargs: Any) -> Any:
        if key.startswith("models/"):
            raise KeyboardInterrupt
        return write(self, key, *args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(LocalStore, "put_bytes", kill)
        yield


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """An empty store and an empty registry, in a project without a server."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "mlops.toml").write_text(f'[project]\nname = "{MODEL}"\n[train]\ncommand = "true"\n')
    workspace = Workspace(root=root)
    workspace.prepare()
    console = Console(sink=local_provider({}, io.StringIO()).sink, redactor=Redactor(), verbose=False)
    premises = Premises(
        settings=load(root / "mlops.toml", cwd=root, mode=None, environ={}),
        workspace=workspace,
        console=console,
        stack=ExitStack(),
    )
    client = FakeClient()
    store = LocalStore(workspace.store)
    premises.__dict__.update(registry=fake_registry(client), store=store)
    return Published(root=root, store=store, client=client, premises=premises)
