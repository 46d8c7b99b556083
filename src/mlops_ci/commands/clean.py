"""`mlops-ci clean`: what `.mlops` holds, and freeing it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from mlops_ci.commands.options import Options, project_root
from mlops_ci.errors import UsageError
from mlops_ci.files import size_of
from mlops_ci.run.run import run_ids
from mlops_ci.run.workspace import Workspace

# What each part is, and whether it can be made again. What stands below `cache` may be shared (MLOPS_CI_CACHE).
PARTS = {
    "environments": ("cache/environments", "virtual environments of the host engine; made again when needed"),
    "data": ("cache/data", "fetched data; fetched again when needed"),
    "extra": ("cache/extra", "packages of [image] extra; installed again when needed"),
    "prepare": ("cache/prepare", "results of [prepare]; computed again when needed"),
    "trivy": ("cache/trivy", "the scanner's database; fetched again when needed"),
    "databases": ("cache/mlflow", "empty databases for the embedded MLflow; made again when needed"),
    "builds": ("cache/builds", "generated build files; written again when needed"),
    "sbom": ("cache/sbom", "SBOMs by content key; made again when needed"),
    "signatures": ("cache/signatures", "signatures of images that only this engine has: until they are built anew"),
    "runs": ("runs", "records, logs, models of all runs: gone for good"),
    "shell": ("shell", "folders that a killed `mlops-ci shell` left behind"),
    "reproduce": ("reproduce", "folders that a killed `mlops-ci reproduce` left behind"),
    "mlflow": ("mlflow", "the embedded MLflow store: gone for good"),
    "store": ("store", "the local object store with published models: gone for good"),
}


class UnknownPartError(UsageError):
    """`.mlops` has no such part."""


def clean(options: Options, parts: tuple[str, ...], keep: int | None) -> int:
    """Without a part: list what each holds. With parts: free them; `runs` keeps the newest `keep` runs."""
    workspace = Workspace(root=project_root(options))
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise UnknownPartError(f"there is no part `{unknown[0]}`", hint=f"parts: {', '.join(PARTS)}")
    if not parts:
        return _list(workspace, as_json=options.json)
    workspace.prepare()
    with workspace.lock():
        for part in parts:
            freed = sum(_remove(folder) for folder in _folders(workspace, part, keep))
            click.echo(f"{part}: freed {freed / 1e6:.1f} MB", err=True)
    return 0


def _folders(workspace: Workspace, part: str, keep: int | None) -> list[Path]:
    if part != "runs":
        return [_place(workspace, part)]
    names = run_ids(workspace.runs)
    return [workspace.runs / name for name in (names[: max(0, len(names) - keep)] if keep is not None else names)]


def _place(workspace: Workspace, part: str) -> Path:
    folder = PARTS[part][0]
    if folder.startswith("cache/"):
        return workspace.cache / folder.removeprefix("cache/")
    return workspace.folder / folder


def _remove(folder: Path) -> int:
    size = size_of(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return size


def _list(workspace: Workspace, *, as_json: bool) -> int:
    sizes = {name: size_of(_place(workspace, name)) for name in PARTS}
    if as_json:
        click.echo(json.dumps(sizes, indent=2))
        return 0
    for name, (_, what) in PARTS.items():
        click.echo(f"{name:<13} {sizes[name] / 1e6:>10.1f} MB  {what}")
    click.echo("free a part: `mlops-ci clean PART ...`; `mlops-ci clean runs --keep 5` keeps the newest five")
    return 0
