"""The options that all stages share, and the settings that they and the environment make.

Nothing here needs an engine or a stage: a command that only reads a run starts without loading them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.commands.default_registry import default_registry
from mlops_ci.config.find import find
from mlops_ci.config.guard import Base
from mlops_ci.config.load import load
from mlops_ci.providers.base import Provider
from mlops_ci.run.base import base_commit, file_at, local_base
from mlops_ci.settings.settings import Settings

# Further `--set` values, one per line: how a CI system passes them on.
SETS = "MLOPS_CI_SET"
PULL_REQUEST = "pr"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that all stages share."""

    config: Path | None = None
    run: str | None = None
    engine: str = "auto"
    variant: str | None = None
    mode: str | None = None
    sets: tuple[str, ...] = ()
    only: bool = False
    force: bool = False
    json: bool = False
    verbose: bool = False


def load_settings(options: Options, provider: Provider | None = None) -> Settings:
    """The effective settings of these options.

    For what a `provider` runs they are held against the policies, and guarded settings of a pull request come from its
    base. Without one nothing is asked of anybody: enough for what only reads a run or tells of it.
    """
    given = [line for line in os.environ.get(SETS, "").splitlines() if line.strip()]
    base = _base(options, provider) if provider is not None else None

    def with_sets(*more: str) -> Settings:
        return load(
            options.config,
            cwd=Path.cwd(),
            mode=options.mode,
            environ=os.environ,
            sets=(*given, *options.sets, *more),
            flags={"--variant": f"image.variant={options.variant}"} if options.variant else {},
            governed=provider is not None,
            base=base,
        )

    settings = with_sets()
    registry = default_registry(settings, options.engine, os.environ)
    return settings if registry is None else with_sets(f'image.registry="{registry}"')


def _base(options: Options, provider: Provider) -> Base | None:
    """The commit that a pull request is based on: as its provider says; for a person, where the branch began."""
    root = project_root(options)
    if provider.local:
        commit = local_base(root) if options.mode == PULL_REQUEST else None
    else:
        revisions = provider.base()
        commit = None if revisions is None else base_commit(root, revisions)
    return None if commit is None else Base(commit=commit, read=lambda path: file_at(commit, path))


def project_root(options: Options) -> Path:
    """The folder of the configuration, whatever it says: a run may have settings without which it says nothing good."""
    return find(options.config, Path.cwd()).file.parent
