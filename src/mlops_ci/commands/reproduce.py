"""`mlops-ci reproduce RUN`: a finished run again from its lineage, and how near the second came to the first."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from mlops_ci.commands.invocation import Place, hide_secrets, workplace
from mlops_ci.commands.options import Options, project_root
from mlops_ci.commands.reproduction_answer import Answer, as_json, as_text, carried_out, not_carried_out
from mlops_ci.commands.tolerances import parse_tolerances
from mlops_ci.errors import UncheckedError
from mlops_ci.files import write_json
from mlops_ci.gates.repeated import Tolerances, worst
from mlops_ci.records.record import Record
from mlops_ci.run.clock import now
from mlops_ci.run.run import Run, create, new_info, open_run
from mlops_ci.run.workspace import Workspace
from mlops_ci.run.worktree import CommitGoneError, worktree
from mlops_ci.settings.data import DataSettings
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.reproduction import Results, check_repeatable, compared, repeat, results
from mlops_ci.stages.reproduction_inputs import Input, Status, config_then, data_then, image_then
from mlops_ci.stages.resolution import Resolution, resolve
from mlops_ci.stages.same import remember_settings
from mlops_ci.stages.scratch import scratch
from mlops_ci.stages.session import Session

FOLDER = "reproduce"
FILE = "reproduction.json"
# What a stage's failure says about this machine, or about being stopped, is told as it is. All other failures mean that
# the run could not be repeated, whatever they would mean in a pipeline: 1 is kept for a result that differs.
TOLD_AS_IT_IS = frozenset({3, 10, 11, 12, 70, 130, 143})
# What a failed fetch says of the data.
DATA_ERRORS: Mapping[str, Status] = {
    "data-digest": "changed",
    "data-missing": "gone",
    "empty-data": "gone",
    "object-missing": "gone",
}


def reproduce(options: Options, name: str, tolerances: Sequence[str]) -> int:
    """Repeat the run, compare, print the answer; 0 equal or within tolerance, 1 different, 4 not carried out."""
    workspace = Workspace(root=project_root(options))
    workspace.prepare()
    original = open_run(workspace.runs, name)
    try:
        before = results(original)
        check_repeatable(original)
        allowed = parse_tolerances(tolerances, before.metrics)
        answer = _repeated(options, workspace, original, before, allowed)
    except CommitGoneError as error:
        gone = Input(name="commit", status="gone", value=original.info.lineage.commit, why=error.cause)
        answer = not_carried_out(original.id, "its commit is gone", hint=error.hint, inputs=[gone])
    except UncheckedError as error:
        answer = not_carried_out(original.id, error.cause, hint=error.hint)
    if answer.reproduction is not None:
        write_json(workspace.runs / answer.reproduction / FILE, as_json(answer))
    click.echo(json.dumps(as_json(answer), indent=2) if options.json else as_text(answer))
    return answer.exit_code


def _repeated(options: Options, workspace: Workspace, original: Run, before: Results, allowed: Tolerances) -> Answer:
    commit = str(original.info.lineage.commit)
    engine = original.info.engine if options.engine == "auto" else options.engine
    with workplace(replace(options, engine=engine), workspace) as place, scratch(workspace.folder / FOLDER) as folder:
        with worktree(workspace.root, commit, folder / "code") as root:
            return _from(root, place, workspace, original, before, allowed)


def _from(
    root: Path, place: Place, workspace: Workspace, original: Run, before: Results, allowed: Tolerances
) -> Answer:
    """The run again from the commit's files in `root`."""
    lineage = original.info.lineage
    inputs = [Input(name="commit", status="same", value=lineage.commit)]
    config = config_then(original, root, os.environ)
    inputs.append(config.input)
    if config.settings is None:
        return _missing(original, inputs)
    if config.settings.tables.train.start_from == "champion":
        why = "its training started from the champion of that time, which the lineage does not name"
        return not_carried_out(original.id, why, inputs=inputs)
    hide_secrets(place.console, config.settings, os.environ)
    settings = _as_then(config.settings, original)
    data = data_then(original, settings, workspace.root, workspace.cache / "data")
    had = data.input.status == "same"
    settings = _with_data(settings, data.table if had else DataSettings())
    resolution = resolve(settings, workspace, place.engine)
    image = image_then(original, settings, resolution, workspace, place.engine.name)
    inputs += [data.input, image.input]
    if resolution.code_sha256 != lineage.code_sha256:
        inputs[0] = replace(inputs[0], status="changed", why="its checkout here has other files than the run had")
    if any(one.status != "same" for one in inputs):
        return _missing(original, inputs)
    session = _session(place, workspace, original, settings, resolution)
    failed = repeat(session, original, adopt=image.adopt)
    if failed is not None:
        return _failed(original, session.run, failed, inputs)
    found = compared(before, results(session.run), allowed)
    return carried_out(original.id, session.run.id, tuple(inputs), found, worst(found))


def _as_then(settings: Settings, original: Run) -> Settings:
    """What depends on the folder's name and on the machine is as the run had it; no digest of the settings changes."""
    tables = settings.tables
    project = replace(tables.project, name=original.info.project)
    image = replace(tables.image, variant=original.info.variant)
    return replace(settings, tables=replace(tables, project=project, image=image))


def _with_data(settings: Settings, table: DataSettings) -> Settings:
    return replace(settings, tables=replace(settings.tables, data=table))


def _session(place: Place, workspace: Workspace, original: Run, settings: Settings, resolution: Resolution) -> Session:
    """A session on the commit's files, whose run lies beside the original."""
    run = create(
        workspace.runs,
        new_info(
            moment=now(),
            project=original.info.project,
            plan=resolution.fingerprint,
            mode=original.info.mode,
            engine=place.engine.name,
            variant=resolution.variant,
            provider=place.provider.name,
            lineage=resolution.lineage(settings.tables.train.seed),
            links=dict(place.provider.links()),
            file=original.info.file,
            sets=original.info.sets,
            withheld=original.info.withheld,
            reproduces=original.id,
        ),
    )
    remember_settings(run, settings)
    place.console.say(f"run {run.id} repeats run {original.id}")
    return Session(
        settings=settings,
        workspace=workspace,
        provider=place.provider,
        console=place.console,
        engine=place.engine,
        resolution=resolution,
        run=run,
        stack=place.stack,
    )


def _missing(original: Run, inputs: Sequence[Input]) -> Answer:
    names = " and ".join(f"its {one.name} is {one.status}" for one in inputs if one.status != "same")
    return not_carried_out(original.id, names, inputs=inputs)


def _failed(original: Run, run: Run, failed: Record, inputs: Sequence[Input]) -> Answer:
    cause = failed.error.cause if failed.error is not None else failed.reason
    state = DATA_ERRORS.get(failed.error.class_) if failed.error is not None else None
    if state is not None:
        # What a command or a server gives is known only once it has been fetched.
        inputs = [replace(one, status=state, why=cause) if one.name == "data" else one for one in inputs]
    code = failed.exit_code if failed.exit_code in TOLD_AS_IT_IS else UncheckedError.exit_code
    return not_carried_out(
        original.id,
        f"{failed.stage} failed: {cause}",
        hint=failed.error.hint if failed.error is not None else "",
        inputs=inputs,
        reproduction=run.id,
        exit_code=code,
    )
