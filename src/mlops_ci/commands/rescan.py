"""`mlops-ci rescan`: what is known today of images that were built before, by their SBOMs alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.errors import GateError, MissingError
from mlops_ci.records.codec import to_json
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.run.workspace import Workspace
from mlops_ci.scanning.binary import find
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.sbom import SUFFIX, Sbom, read_sbom
from mlops_ci.scanning.scan import Scan, scan
from mlops_ci.stages.addresses import ca_bundle
from mlops_ci.stages.repository import sources

FOLDER = "rescan"


class NoSuchSbomError(MissingError):
    """A file that was named is not there."""


def rescan(options: Options, sboms: Sequence[Path]) -> int:
    """Scan the named SBOMs; without a name those of the images that the configuration asks for, in a run of its own."""
    return _files(options, sboms) if sboms else _kept(options)


def _kept(options: Options) -> int:
    # A run needs all stages; files need a scanner, and loading the stages would take longer than it does.
    from mlops_ci.commands.invocation import open_session
    from mlops_ci.commands.outputs import of_run
    from mlops_ci.stages.rescan import run_rescan

    with open_session(options, purpose="rescan") as session:
        code = run_rescan(session)
        for name, value in of_run(session.run, code).items():
            session.provider.set_output(name, value)
        if options.json:
            records = {name: to_json(record) for name, record in session.run.records().items()}
            click.echo(json.dumps({"run": session.run.id, "exit_code": code, "records": records}, indent=2))
    return code


def _files(options: Options, sboms: Sequence[Path]) -> int:
    """No run and no engine: files, a scanner, a database. The reports lie in `.mlops/rescan`."""
    missing = next((path for path in sboms if not path.is_file()), None)
    if missing is not None:
        raise NoSuchSbomError(f"there is no {missing}", hint="name SBOMs: .mlops/runs/RUN/sbom/*.cdx.json")
    provider = new_provider()
    with ThreadPoolExecutor(1) as beside:
        # The scanner's checksum takes as long as the settings do.
        trusted = beside.submit(find, Path.cwd())
        settings = load_settings(options, provider)
        trivy = trusted.result()
    workspace = Workspace(root=settings.root)
    workspace.prepare()
    outputs = scan(
        Scan(
            targets=[_target(path, read_sbom(path)) for path in sboms],
            paths=sboms,
            settings=settings.tables.scan,
            mirrors=settings.tables.mirrors,
            trivy=replace(trivy, cache=workspace.cache / "trivy", ca_bundle=ca_bundle(settings)),
            reports=settings.root / ".mlops" / FOLDER,
            local=False,
            console=new_console(verbose=options.verbose, provider=provider),
            root=None,
            inside=False,
            exceptions=settings.exceptions,
            sources=sources(settings),
        )
    )
    click.echo(json.dumps(to_json(outputs), indent=2) if options.json else _words(outputs))
    return GateError.exit_code if outputs.verdict == "findings" else 0


def _target(path: Path, sbom: Sbom) -> ScanTarget:
    component = sbom.document["metadata"]["component"]
    name = path.name.removesuffix(SUFFIX)
    if component.get("type") == "container":
        return ScanTarget(kind="image", ref=str(component.get("name") or name), name=name)
    return ScanTarget(kind="root" if sbom.system else "environment", ref=str(path), name=name)


def _words(outputs: ScanOutputs) -> str:
    listed = ", ".join(f"{count.total} {severity}" for severity, count in outputs.findings.items())
    return f"{outputs.verdict}{f': {listed}' if listed else ''}"
