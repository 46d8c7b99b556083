"""`mlops-ci reports FOLDER`: a run in the formats that CI systems show beside a pipeline."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.config.errors import ConfigError
from mlops_ci.files import write_atomic
from mlops_ci.orchestrators.callers.origin import top_of
from mlops_ci.reporting.codequality import Issue, codequality, of_problem, of_run
from mlops_ci.reporting.cyclonedx import readable
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.junit import junit
from mlops_ci.reporting.openmetrics import openmetrics
from mlops_ci.run.run import HandoverError, Run, open_run, run_ids
from mlops_ci.run.workspace import Workspace
from mlops_ci.scanning.outputs import GITLAB, SARIF

PAGE = "report.html"
QUALITY = "gl-code-quality.json"


def reports(options: Options, folder: Path) -> int:
    """Write JUnit, OpenMetrics, code quality, annotations, the page, SBOMs and scan reports of the run, if any.

    A configuration that is wrong is code quality, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    top = top_of(Path.cwd())
    try:
        root = load_settings(options).root
    except ConfigError as error:
        write_atomic(folder / QUALITY, codequality(_wrong_settings(error, top)))
        raise
    workspace = Workspace(root=root)
    if not run_ids(workspace.runs):
        click.echo("there is no run: nothing to show", err=True)
        return 0
    run = open_run(workspace.runs, options.run or "latest")
    data = ReportData.read(run.folder)
    files = {
        PAGE: html(data),
        "junit.xml": junit(data),
        "metrics.txt": openmetrics(data),
        QUALITY: codequality(_of_run(data, root, top)),
        "annotations.json": json.dumps(links_beside(data, os.environ, folder), indent=2) + "\n",
        **_sboms(run, data),
        **_scan(run, data),
    }
    for name, text in files.items():
        write_atomic(folder / name, text)
    click.echo(f"wrote {', '.join(files)} into {folder}", err=True)
    return 0


def links_beside(data: ReportData, environ: Mapping[str, str], folder: Path) -> dict[str, list[dict[str, object]]]:
    """Links beside the job, as GitLab reads them: the page in its artifacts, and the run at MLflow."""
    links = {}
    if job := environ.get("CI_JOB_URL"):
        links["report"] = f"{job}/artifacts/file/{(folder / PAGE).as_posix()}"
    tracking = data.outputs.train.tracking if data.outputs.train is not None else None
    if tracking is not None and tracking.uri.startswith("https://"):
        links["MLflow"] = f"{tracking.uri}/#/experiments/{tracking.experiment_id}/runs/{tracking.run_id}"
    return {"mlops-ci": [{"external_link": {"label": name, "url": url}} for name, url in links.items()]}


def _of_run(data: ReportData, root: Path, top: Path) -> Iterator[Issue]:
    inside = root.resolve().is_relative_to(top.resolve())
    below = root.resolve().relative_to(top.resolve()).as_posix() if inside else "."
    return of_run(data, lambda name: (root / name).is_file(), "" if below == "." else f"{below}/")


def _wrong_settings(error: ConfigError, top: Path) -> Iterator[Issue]:
    for one in error.problems:
        path = Path(one.file).resolve() if one.file else None
        if path is not None and path.is_relative_to(top.resolve()):
            yield of_problem(one.message, path.relative_to(top.resolve()).as_posix(), one.line)


def _sboms(run: Run, data: ReportData) -> dict[str, str]:
    """The SBOMs of the build, under names that GitLab's `cyclonedx` report looks for; one that is gone is named."""
    found = {}
    for ref in data.outputs.build.sbom if data.outputs.build is not None else ():
        try:
            text = readable(run.open(ref).read_text())
        except HandoverError as error:
            click.echo(f"left out: {error.cause}", err=True)
            continue
        if text is None:
            click.echo(f"left out: {ref.path} is in no version of CycloneDX that GitLab reads", err=True)
            continue
        found[f"gl-sbom-{Path(ref.path).stem.removesuffix('.cdx')}.cdx.json"] = text
    return found


def _scan(run: Run, data: ReportData) -> dict[str, str]:
    """What the scan wrote for others: GitLab's container scanning report and SARIF; one that is gone is named."""
    found = {}
    for ref in data.outputs.scan.reports if data.outputs.scan is not None else ():
        name = Path(ref.path).name
        if name not in (GITLAB, SARIF):
            continue
        try:
            found[name] = run.open(ref).read_text()
        except HandoverError as error:
            click.echo(f"left out: {error.cause}", err=True)
    return found
