"""What a stage may use: settings, run, engine, provider, and the servers and stores that are opened on first use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.console import Console
from mlops_ci.engines.base import Engine
from mlops_ci.engines.devices import visible_devices
from mlops_ci.engines.guestfile import guest_file
from mlops_ci.images.catalogue import load
from mlops_ci.images.store import ImageStore, image_engine, made_elsewhere
from mlops_ci.images.where import image_store
from mlops_ci.providers.base import Provider
from mlops_ci.run.lineage import CodeFile
from mlops_ci.run.run import Run
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import ca_bundle, configured_store
from mlops_ci.stages.again import Invoked, again
from mlops_ci.stages.resolution import Resolution
from mlops_ci.stores.base import Store

if TYPE_CHECKING:
    from mlops_ci.scanning.trivy import Trivy


@dataclass
class Session:
    """One invocation. Everything that it opens is closed when `stack` closes.

    `config` is the file that was named; `lost_job` what the CI system says of a job that failed and left no record.
    `signed_by` is whose signature the image was found to have, once a stage has looked.
    """

    settings: Settings
    workspace: Workspace
    provider: Provider
    console: Console
    engine: Engine
    resolution: Resolution
    run: Run
    stack: ExitStack
    force: bool = False
    config: Path | None = None
    lost_job: str = ""
    signed_by: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _server: Future[str] | None = None

    @property
    def code(self) -> tuple[CodeFile, ...]:
        """The files of the repository."""
        return self.resolution.code

    @property
    def variant(self) -> str:
        """The variant of the images, such as `cpu`."""
        return self.resolution.variant

    @property
    def build(self) -> str:
        """The release and the build of PyTorch, such as `2.9-cu128`."""
        return f"{load().release(self.settings.tables.image.torch).series}-{self.variant}"

    @property
    def made_elsewhere(self) -> bool:
        """Whether a builder that is no engine makes the images, which are then in a registry alone."""
        return made_elsewhere(self.settings, self.engine.name)

    @property
    def image_engine(self) -> str:
        """The kind of images that this run has: `docker`, `host`, or `inside` for one that others made."""
        return image_engine(self.settings, self.engine.name)

    def image_store(self) -> ImageStore:
        """The place that keeps the images: the engine of this machine, or a registry."""
        return image_store(self.settings, cache=self.workspace.cache, console=self.console)

    @cached_property
    def gpus(self) -> int:
        """How many GPUs the training asks for."""
        wanted = self.settings.tables.train.gpus
        if wanted == "auto":
            return 0 if self.variant == "cpu" else max(1, len(visible_devices(self.environ)))
        return wanted

    @cached_property
    def zipapp(self) -> Path:
        """The guest, as one file."""
        return guest_file(self.workspace.root)

    @cached_property
    def trivy(self) -> Trivy:
        """The trusted scanner of this machine."""
        from mlops_ci.scanning.binary import find

        return find(self.settings.root, cache=self.workspace.cache / "trivy", ca_bundle=ca_bundle(self.settings))

    @cached_property
    def tracking_uri(self) -> str:
        """The MLflow server: the configured one, else our own, started now and stopped when the session ends."""
        if self.settings.tables.tracking.uri:
            return self.settings.tables.tracking.uri
        self.warm_tracking()
        assert self._server is not None  # noqa: S101  # for the type checker: warm_tracking has set it
        uri = self._server.result()
        self.console.say(f"no [tracking] uri: MLflow on SQLite in .mlops/mlflow, for this run at {uri}")
        return uri

    def warm_tracking(self) -> None:
        """Start our own MLflow server now, beside what runs: it needs seconds until it answers."""
        if self.settings.tables.tracking.uri or self._server is not None:
            return
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mlflow-start")
        # Closing waits for the start, so that the server which it pushes on the stack is stopped too.
        self.stack.callback(pool.shutdown)
        self._server = pool.submit(self._start_server)

    def _start_server(self) -> str:
        from mlops_ci.tracking.server import embedded_server

        return self.stack.enter_context(
            embedded_server(
                self.workspace.mlflow,
                host=self.engine.gateway(),
                zipapp=self.zipapp,
                empty=self.workspace.cache / "mlflow",
            )
        )

    @cached_property
    def store(self) -> Store:
        """The object store: the configured one, else the local folder."""
        return configured_store(self.settings, self.workspace)

    def again(self, stage: str) -> tuple[str, ...]:
        """The lines that repeat a stage of this run, to be pasted into a shell."""
        invoked = Invoked(settings=self.settings, engine=self.engine.name, variant=self.variant, config=self.config)
        return again(stage, self.run, invoked, self.provider, self.console.redactor)

    def job_environment(self) -> dict[str, str]:
        """The secrets that the settings name, from this process's environment."""
        names = self.settings.tables.train.secrets
        return {name: self.environ[name] for name in names if name in self.environ}
