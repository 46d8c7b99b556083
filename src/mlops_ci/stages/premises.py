"""What a command uses that works on published models, not on a run: the registry, and the object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

from mlops_ci.console import Console
from mlops_ci.engines.guestfile import guest_file
from mlops_ci.file_lock import FileLock
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import configured_store
from mlops_ci.stores.base import Store
from mlops_ci.tracking.registry import ModelRegistry
from mlops_ci.tracking.server import embedded_server


@dataclass
class Premises:
    """The servers of a configuration, each asked first when it is needed; closed when `stack` closes."""

    settings: Settings
    workspace: Workspace
    console: Console
    stack: ExitStack

    @cached_property
    def registry(self) -> ModelRegistry:
        """The model registry: the configured server's, else that of our own, started on this machine."""
        uri = self.settings.tables.tracking.uri
        if uri is None:
            uri = self.stack.enter_context(
                embedded_server(
                    self.workspace.mlflow,
                    zipapp=guest_file(self.workspace.root),
                    console=self.console,
                    empty=self.workspace.cache / "mlflow",
                )
            )
        return ModelRegistry(uri, self.console.redactor)

    @cached_property
    def store(self) -> Store:
        """The object store: the configured one, else the local folder."""
        return configured_store(self.settings, self.workspace)

    @contextmanager
    def promotions(self) -> Iterator[None]:
        """No promotion moves an alias within the block, in this folder on this machine."""
        with promotion_lock(self.workspace):
            yield


def promotion_lock(workspace: Workspace) -> FileLock:
    """The lock that everything holds which moves an alias, or which relies on where it points."""
    return FileLock(workspace.locks / "promote.lock")
