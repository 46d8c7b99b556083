"""What a run was made from, and whether it can still be had: configuration, data and image, after its commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mlops_ci.config.load import load
from mlops_ci.datasets.plan import plan_digest
from mlops_ci.errors import InfrastructureError, InternalError, MlopsError
from mlops_ci.images.lookup import engine_image, image_lookup
from mlops_ci.records.build import BuildOutputs
from mlops_ci.run.run import Run
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.data import DataSettings
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import store_opener
from mlops_ci.stages.given import variable
from mlops_ci.stages.resolution import Resolution
from mlops_ci.stages.same import differing

Name = Literal["commit", "config", "data", "image"]
Status = Literal["same", "changed", "gone"]
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of the run: `same` as then, `changed` (what can be had is another), or `gone`."""

    name: Name
    status: Status
    value: str | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of then, at the commit's folder; None when they cannot be had."""

    input: Input
    settings: Settings | None = None


@dataclass(frozen=True, kw_only=True)
class Data:
    """Where the data of then is; `table` is `[data]` with that place and its digest."""

    input: Input
    table: DataSettings = field(default_factory=DataSettings)


@dataclass(frozen=True, kw_only=True)
class Image:
    """Whether the image of then is here or can be built again; `adopt` when it is here and would be built otherwise."""

    input: Input
    adopt: BuildOutputs | None = None


def config_then(run: Run, folder: Path, environ: Mapping[str, str]) -> Config:
    """The settings that the run had: the file at its commit, its mode, and what came from outside of the file.

    Of `environ` only the variables of settings whose values are secret, and so stand in no record, are read.
    """
    info, digest = run.info, run.info.lineage.config_sha256
    named = {variable(key): key for key in info.withheld}
    missing = [name for name in named if name not in environ]
    if missing:
        why = f"the run had values that are secret: set {', '.join(missing)}"
        return Config(input=Input(name="config", status="gone", value=digest, why=why))
    try:
        settings = load(
            folder / info.file if info.file else None,
            cwd=folder,
            mode=info.mode,
            environ={name: environ[name] for name in named},
            sets=info.sets,
        )
    except MlopsError as error:
        return Config(input=Input(name="config", status="gone", value=digest, why=error.cause))
    names = differing(run, settings)
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        why = f"another value now: {', '.join(names[:SHOWN])}{more}"
        return Config(input=Input(name="config", status="changed", value=digest, why=why))
    return Config(input=Input(name="config", status="same", value=digest), settings=settings)


def data_then(run: Run, settings: Settings, here: Path, cache: Path) -> Data:
    """The data with the digest that the run had: in the commit, in the folder `here` that git does not hold, in the
    cache, or wherever `[data]` fetches it from.
    """
    prepare = run.record("prepare")
    digest = prepare.outputs.get("source_digest") if prepare is not None else None
    table = settings.tables.data
    if digest is None:
        return Data(input=Input(name="data", status="same", why="the run had no data of ours"), table=table)
    pinned = table if table.fingerprint == "command" else replace(table, digest=digest)
    problem: MlopsError | None = None
    for one in _places(pinned, here):
        try:
            plan_digest(one, settings.root, cache=cache, open_store=store_opener(settings))
        except InfrastructureError:
            raise
        except MlopsError as error:
            problem = problem or error
        else:
            return Data(input=Input(name="data", status="same", value=digest), table=one)
    changed = problem is not None and problem.failure_class == "data-digest"
    why = problem.cause if problem is not None else ""
    return Data(input=Input(name="data", status="changed" if changed else "gone", value=digest, why=why), table=table)


def _places(table: DataSettings, here: Path) -> list[DataSettings]:
    """A folder that git does not hold is not in the commit's checkout: it is in the working directory, if anywhere."""
    if table.path is None or Path(table.path).expanduser().is_absolute():
        return [table]
    return [table, replace(table, path=str(here / table.path))]


def image_then(run: Run, settings: Settings, resolution: Resolution, workspace: Workspace, engine: str) -> Image:
    """The image: to be built again from the same inputs (the content key), else the very one, where it still is."""
    built = run.outputs("build", BuildOutputs)
    then = built.images[built.top]
    if resolution.top.content_key == then.content_key:
        return Image(input=Input(name="image", status="same", value=then.content_key))
    if _is_here(then.ref, then.digest, settings, workspace, engine):
        why = "it would be built from other inputs today, and is here as it was then"
        return Image(input=Input(name="image", status="same", value=then.digest, why=why), adopt=built)
    why = f"today's inputs give another ({resolution.top.content_key[:12]}), and {then.ref} is not here any more"
    return Image(input=Input(name="image", status="gone", value=then.content_key, why=why))


def _is_here(ref: str, digest: str, settings: Settings, workspace: Workspace, engine: str) -> bool:
    """By the digest: a name alone could be another image by now."""
    if engine == "docker":
        found = engine_image(ref)
        return found is not None and digest in (found.digest, *(one.rpartition("@")[2] for one in found.digests))
    try:
        found = image_lookup(settings, engine=engine, workspace=workspace.cache)(ref)
    except InternalError:
        # An environment of another cache folder.
        return False
    return found is not None and found.digest == digest
