"""The commands that repeat a stage: exact, quoted for a shell, and without any secret.

Lines that begin with `#` are remarks; everything else is meant to be pasted.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.providers.base import Provider
from mlops_ci.redaction import Redactor
from mlops_ci.run.run import Run
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.given import given, variable

# Where a run that was downloaded from a CI system is put; `handover collect` makes a run of it.
INCOMING = ".mlops/handover"
VARIANT = "image.variant"
# What rendered files say where jobs hand the run on through the object store.
HANDOVER, BY_STORE = "MLOPS_CI_HANDOVER", "store"


@dataclass(frozen=True, kw_only=True)
class Invoked:
    """How this process was called, as far as a repetition needs it. `config` is None for the file that is found."""

    settings: Settings
    engine: str
    variant: str
    config: Path | None = None


def stage_argv(stage: str, run: str, invoked: Invoked, redactor: Redactor) -> list[str]:
    """`mlops-ci run STAGE ...` with everything that decides what it does."""
    settings = invoked.settings
    named = ["train", "--smoke"] if stage == "smoke" else ["run", stage]
    words = ["mlops-ci", *named, "--run", run, "--only"]
    if invoked.config is not None:
        words += ["--config", os.path.relpath(invoked.config)]
    words += ["--engine", invoked.engine]
    if _says_another(settings, invoked.variant):
        words += ["--variant", invoked.variant]
    if settings.mode is not None:
        words += ["--mode", settings.mode]
    for one in given(settings, redactor).sets:
        if not one.startswith(f"{VARIANT}="):
            words += ["--set", one]
    return words


def again(stage: str, run: Run, invoked: Invoked, provider: Provider, redactor: Redactor) -> tuple[str, ...]:
    """The lines to paste: in CI, first what brings commit and run directory to another machine."""
    if run.info.reproduces is not None:
        return (shlex.join(["mlops-ci", "reproduce", run.info.reproduces]),)
    command = shlex.join(stage_argv(stage, run.id, invoked, redactor))
    lines = [*_elsewhere(run, provider), *_remarks(run, invoked, redactor, local=provider.local), command]
    return tuple(map(redactor.clean, lines))


def _says_another(settings: Settings, variant: str) -> bool:
    """Whether the file alone would not give this variant on every machine."""
    source = settings.sources.get(VARIANT)
    in_file = source is not None and source.kind in ("file", "mode")
    return not (in_file and settings.tables.image.variant == variant)


def _elsewhere(run: Run, provider: Provider) -> Sequence[str]:
    if provider.local:
        return ()
    commit = run.info.lineage.commit
    checkout = [f"git fetch origin {commit} && git checkout --detach {commit}"] if commit else []
    plan = run.record("plan")
    if os.environ.get(HANDOVER) == BY_STORE and plan is not None and plan.outputs.get("trusted"):
        return ["# in a checkout of the repository:", *checkout, f"mlops-ci handover pull --run {run.id}"]
    brought = provider.bring(INCOMING)
    if not brought:
        place = f"{run.folder.parent.parent.name}/runs/{run.id}"
        return ["# in a checkout of the repository:", *checkout, f"# copy the job's folder {place} to the same place"]
    return [
        "# in a checkout of the repository:",
        *checkout,
        *brought,
        shlex.join(["mlops-ci", "handover", "collect", INCOMING, "--run", run.id]),
    ]


def _remarks(run: Run, invoked: Invoked, redactor: Redactor, *, local: bool) -> list[str]:
    found = []
    if run.info.lineage.dirty and not local:
        found.append("# the job's working tree had uncommitted changes: the commit alone is not the same code")
    withheld = given(invoked.settings, redactor).withheld
    found += [f"# first set {variable(key)}: its value holds a secret and is not shown" for key in withheld]
    secrets = invoked.settings.tables.train.secrets
    if secrets and not local:
        found.append(f"# first set {', '.join(secrets)}: your job's secrets are not shown")
    if invoked.engine == "inside" and not local:
        found.append("# inside the image of this run, or with --engine docker in place of --engine inside")
    return found
