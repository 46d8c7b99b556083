"""Everything that is known before any work: code, variant, images and what must be built, the data's digest."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mlops_ci.datasets.plan import plan_digest
from mlops_ci.engines.base import Engine
from mlops_ci.errors import InfrastructureError
from mlops_ci.files import digest_of
from mlops_ci.images import extra, images_lock
from mlops_ci.images.extra import ExtraPlan, environment_key
from mlops_ci.images.lookup import ImageFacts, Lookup, image_lookup
from mlops_ci.images.plan import LayerPlan, plan_images
from mlops_ci.images.store import image_engine
from mlops_ci.images.variants import resolve as resolve_variant
from mlops_ci.records.codec import to_json
from mlops_ci.run.lineage import CodeFile, GitFacts, code_digest, code_files, git_facts
from mlops_ci.run.run import Lineage
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import store_opener


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """`fingerprint` names all of it: the same fingerprint means the same work. `extra` are packages over the image."""

    code: tuple[CodeFile, ...]
    code_sha256: str
    config_sha256: str
    git: GitFacts
    variant: str
    images: tuple[LayerPlan, ...]
    data_digest: str | None
    fingerprint: str
    extra: ExtraPlan | None = None

    @property
    def top(self) -> LayerPlan:
        """The image that runs."""
        return self.images[-1]

    @property
    def environment(self) -> str:
        """What names all that jobs run in: the image's content key, and what is put over it."""
        return environment_key(self.images, self.extra)

    def lineage(self, seed: int) -> Lineage:
        """The part that `run.json` keeps."""
        return Lineage(
            commit=self.git.commit,
            commit_time=self.git.commit_time,
            branch=self.git.branch,
            dirty=self.git.dirty,
            diff_sha256=self.git.diff_sha256,
            code_sha256=self.code_sha256,
            config_sha256=self.config_sha256,
            data_sha256=self.data_digest,
            extra_sha256=self.extra.digest if self.extra else None,
            seed=seed,
        )


def resolve(settings: Settings, workspace: Workspace, engine: Engine, *, later: bool = False) -> Resolution:
    """Ask everything that plan must know: one question per image at most, and nothing is built or fetched.

    A `later` job of a pipeline has plan's answers already, and may not be allowed to ask (the scan has no secret): an
    image that it cannot ask for counts as not there, and whoever needs it asks again.
    """
    outputs = os.path.normpath(settings.tables.train.outputs).split(os.sep)[0]
    code = code_files(settings.root, skip=(outputs, images_lock.NAME))
    digest = code_digest(settings.root, code)
    wanted = settings.tables.train.gpus
    variant = resolve_variant(settings.tables.image, 0 if wanted == "auto" else wanted)
    kind = image_engine(settings, engine.name)
    lookup = image_lookup(settings, engine=kind, workspace=workspace.cache)
    images = plan_images(
        settings,
        engine=kind,
        variant=variant,
        lookup=_tolerant(lookup) if later else lookup,
        cache=workspace.cache,
        strict=not later,
    )
    over = extra.plan(settings, images, engine=kind, variant=variant)
    config = digest_of(to_json(settings.effective))
    data = plan_digest(
        settings.tables.data, settings.root, cache=workspace.cache / "data", open_store=store_opener(settings)
    )
    return Resolution(
        code=code,
        code_sha256=digest,
        config_sha256=config,
        git=git_facts(settings.root),
        variant=variant,
        images=images,
        data_digest=data,
        fingerprint=digest_of(
            {
                "code": digest,
                "config": config,
                "image": environment_key(images, over),
                "data": data,
                "engine": engine.name,
            }
        ),
        extra=over,
    )


def _tolerant(lookup: Lookup) -> Lookup:
    def ask(ref: str) -> ImageFacts | None:
        try:
            return lookup(ref)
        except InfrastructureError:
            return None

    return ask
