"""`mlops-ci artifacts list`, `get` and `verify`: what was published."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import click

from mlops_ci.commands.options import Options
from mlops_ci.commands.premises import open_premises
from mlops_ci.errors import GateError
from mlops_ci.progress import activity
from mlops_ci.publishing.audit import Verdict, audit
from mlops_ci.publishing.deliver import deliver
from mlops_ci.publishing.manifest import SIGNATURE
from mlops_ci.publishing.reach import Library
from mlops_ci.publishing.verify import Problem
from mlops_ci.records.codec import to_json
from mlops_ci.reporting.format import moment, size
from mlops_ci.signing.errors import UnsignedModelError
from mlops_ci.stages.artifact_names import locate, parse
from mlops_ci.stages.artifacts import Artifact, artifacts, model_of, registered_or_none
from mlops_ci.stages.model_signatures import Asker
from mlops_ci.stages.premises import Premises
from mlops_ci.stores.narration import shown

SHOWN = 20
HEAD = ("model", "version", "aliases", "run", "verdict", "files", "size", "published", "manifest")


class ArtifactDamagedError(GateError):
    """Something that was published is not what it was: a file is missing, truncated or altered, or not as signed."""


def list_artifacts(options: Options, model: str | None) -> int:
    """One line per manifest, the newest first."""
    with open_premises(options) as premises:
        library = Library(premises.store)
        models = {one for one in map(model_of, (info.key for info in library.listed())) if model in {None, one}}
        known = registered_or_none(premises, models) if models else {}
        found = artifacts(library, known or {}, model=model)
        place = premises.store.uri
    if options.json:
        click.echo(json.dumps([to_json(one) for one in found], indent=2))
        return 0
    if not found:
        click.echo(f"nothing was published in {place}{f' as {model}' if model else ''}")
        return 0
    rows = [HEAD, *(_row(one, asked=known is not None) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def get(options: Options, name: str, folder: Path | None, *, below: str) -> int:
    """Fetch a bundle into a new folder; its path goes to standard output."""
    address = parse(name)
    with open_premises(options) as premises:
        found = locate(premises, address)
        target = folder or Path(f"{model_of(found.manifest)}-{found.version or found.manifest.rsplit('/', 2)[-2]}")
        _asker(premises).of_store(premises.store, found.manifest, sha256=found.sha256)
        with activity(premises.console, "fetching") as fetching:
            manifest, new = deliver(
                premises.store,
                found.manifest,
                target,
                sha256=found.sha256,
                below=below,
                on_progress=shown(fetching),
            )
        files = [file for file in manifest.files if file.name.startswith(below)]
        what = f"{manifest.model}{f' version {found.version}' if found.version else ''}, {len(files)} files, "
        what += f"{size(sum(file.bytes for file in files))}, every SHA-256 right"
        premises.console.say(what if new else f"{what}: it was there already")
    if options.json:
        click.echo(json.dumps({"folder": str(target), "new": new, **to_json(found)}, indent=2))
    else:
        click.echo(target)
    return 0


def verify(options: Options, name: str | None) -> int:
    """Download and hash one bundle, or all; raises `ArtifactDamagedError` when something is wrong."""
    address = parse(name) if name is not None else None
    with open_premises(options) as premises:
        if address is not None:
            located = locate(premises, address)
            wanted = [(located.manifest, located.sha256)]
        else:
            wanted = [(info.key, None) for info in Library(premises.store).listed()]
        with activity(premises.console, "verifying") as verifying:
            verdicts = audit(premises.store, wanted, on_progress=shown(verifying))
        verdicts = tuple(
            _with_signature(premises, one, sha256) for one, (_, sha256) in zip(verdicts, wanted, strict=True)
        )
        place = premises.store.uri
    bad = [one for one in verdicts if not one.whole]
    if options.json:
        click.echo(json.dumps([{**to_json(one), "whole": one.whole} for one in verdicts], indent=2))
    else:
        for one in verdicts:
            click.echo(_line(one))
    if bad:
        lines = tuple(line for one in bad for line in _details(one))
        raise ArtifactDamagedError(
            f"{len(bad)} of {len(verdicts)} published bundles in {place} are damaged",
            hint="restore the objects from a backup, or publish again; find out who may write into the store",
            details=(*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])),
        )
    return 0


def _asker(premises: Premises) -> Asker:
    return Asker(settings=premises.settings, environ=os.environ, console=premises.console)


def _with_signature(premises: Premises, one: Verdict, sha256: str | None) -> Verdict:
    """The verdict with what is wrong with the signature, where one is asked for."""
    if one.unreadable:
        return one
    try:
        _asker(premises).of_store(premises.store, one.manifest, sha256=sha256)
    except UnsignedModelError as error:
        problem = Problem(kind="unsigned", name=SIGNATURE, key=one.manifest, detail=error.cause)
        return replace(one, problems=(*one.problems, problem))
    return one


def _row(one: Artifact, *, asked: bool) -> tuple[str, ...]:
    return (
        one.model,
        one.version or ("-" if asked else "?"),
        ",".join(one.aliases) or ("-" if asked else "?"),
        one.run or "-",
        one.verdict or "-",
        str(one.files),
        size(one.bytes),
        moment(one.published_at).removesuffix(" UTC"),
        one.manifest,
    )


def _line(one: Verdict) -> str:
    if one.whole:
        return f"✓ {one.manifest}: {one.files} files, {size(one.bytes)}"
    return f"✗ {one.manifest}: {one.unreadable or f'{len(one.problems)} of {one.files} files are wrong'}"


def _details(one: Verdict) -> list[str]:
    if one.unreadable:
        return [one.unreadable]
    return [f"{one.manifest}: {problem.name}: {problem.kind}: {problem.detail}" for problem in one.problems]
