"""The image that serves a published model: the settings that it is planned by, and its topmost layer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlops_ci import guest
from mlops_ci.errors import UsageError
from mlops_ci.files import regular_files
from mlops_ci.guest.serving import config
from mlops_ci.guest.serving.config import Service
from mlops_ci.images.catalogue import CORE, PLAIN
from mlops_ci.images.content_key import ContextFile
from mlops_ci.images.specs import LayerSpec, Recipe, bundled_layer
from mlops_ci.run.lineage import CodeFile
from mlops_ci.settings.settings import Settings

# What of the guest a server needs, and with it serving code that uses the SDK as the training did.
MODULES = (
    "__init__.py", "checkpoints.py", "exits.py", "files.py", "health/__init__.py", "health/levels.py", "importing.py",
    "layout.py", "parity.py", "safetensors.py", "sdk.py", "serving", "smoke", "spool.py",
    "state.py", "task.py", "weights.py",
)  # fmt: skip
PACKAGE = "program/mlops_ci"
MAIN = """\
import sys
from pathlib import Path

from mlops_ci.guest.serving.main import main

HOME = Path(__file__).resolve().parent
sys.exit(main(sys.argv[1:], HOME, HOME.parent / "app", HOME.parent / "model"))
"""
LABEL = "io.mlops-ci.model"


class ServingFilesError(UsageError):
    """`[deploy]` names files that the repository does not have."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """What the topmost layer holds: the user's files by their path, and the folder of the model's verified files."""

    service: Service
    app: Mapping[str, Path]
    model: Path


def serving_settings(settings: Settings) -> Settings:
    """The settings as if this image were the run's own: what serving needs, on PyTorch or on Python alone."""
    deploy = settings.tables.deploy
    below = PLAIN if settings.tables.image.layer == PLAIN else CORE
    image = replace(
        settings.tables.image,
        layer=deploy.layer or below,
        variant=deploy.variant,
        requirements=deploy.requirements,
        apt=deploy.apt,
        dockerfile=None,
        extra=None,
        code=False,
        tags=False,
        sm=(),
    )
    return replace(settings, tables=replace(settings.tables, image=image))


def serve_layer(recipe: Recipe, served: Served) -> LayerSpec:
    """The layer of the server, the user's code and the model."""
    layer = recipe.catalogue.serve
    service = json.dumps(config.as_json(served.service), indent=1, sort_keys=True)
    files = (
        *_program(),
        *(ContextFile(path=f"app/{name}", source=path) for name, path in sorted(served.app.items())),
        *_model(served.model),
        ContextFile(path="service.json", content=f"{service}\n".encode()),
    )
    labels = {f"{LABEL}.{name}": value for name, value in served.service.model.items()}
    return bundled_layer(recipe, layer, files=files, args={"PORT": str(served.service.port)}, labels=labels)


def serving_files(settings: Settings, code: tuple[CodeFile, ...]) -> dict[str, Path]:
    """Path to file of what the image holds of the repository: what git lists, and of that no more than is asked for.

    Raises `ServingFilesError`.
    """
    deploy = settings.tables.deploy
    entry = (deploy.entry or "").rpartition(":")[0]
    known = {one.path: settings.root / one.path for one in code if one.link is None}
    if entry not in known:
        raise ServingFilesError(
            f"[deploy] entry: there is no file {entry} among those of the repository",
            hint="write it relative to the configuration file; a file that git ignores does not count",
        )
    found = {entry: known[entry]}
    if not deploy.files:
        above = PurePosixPath(entry).parent
        return found | {name: path for name, path in known.items() if name.endswith(".py") and _below(name, above)}
    for wanted in deploy.files:
        some = {name: path for name, path in known.items() if name == wanted or _below(name, PurePosixPath(wanted))}
        if not some:
            raise ServingFilesError(
                f"[deploy] files: `{wanted}` is no file or folder of the repository",
                hint="write it relative to the configuration file; a file that git ignores does not count",
            )
        found |= some
    return found


def _below(name: str, folder: PurePosixPath) -> bool:
    return folder in PurePosixPath(name).parents


def _program() -> Iterator[ContextFile]:
    root = Path(guest.__path__[0])
    yield ContextFile(path="program/__main__.py", content=MAIN.encode())
    yield ContextFile(path=f"{PACKAGE}/__init__.py", content=(root.parent / "__init__.py").read_bytes())
    for name in MODULES:
        place = root / name
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            inside = path.relative_to(root.parent).as_posix()
            yield ContextFile(path=f"{PACKAGE}/{inside}", content=path.read_bytes())


def _model(folder: Path) -> Iterator[ContextFile]:
    for path in regular_files(folder):
        yield ContextFile(path=f"model/{path.relative_to(folder).as_posix()}", source=path)
