"""The stage plan: says what will happen before anything happens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_ci.config.explain import effective
from mlops_ci.engines.local_gpus import local_gpus
from mlops_ci.images import catalogue, extra, images_lock
from mlops_ci.images.store import made_in_words
from mlops_ci.orchestrators.fanning import Nodes
from mlops_ci.records.codec import to_json
from mlops_ci.records.plan import GuardedChange, PlannedImage, PlannedPolicy, PlanOutputs
from mlops_ci.run.clock import now, stamp
from mlops_ci.run.run import open_run, run_ids
from mlops_ci.settings.governance import Governance
from mlops_ci.stages import night
from mlops_ci.stages.decisions import (
    ALWAYS,
    DRY_RUN,
    NIGHTLY,
    NO_ENTRY,
    further_builds,
    left_out,
    named_nodes,
    runners,
    switched_on,
)
from mlops_ci.stages.fit import misfits
from mlops_ci.stages.result import Result
from mlops_ci.stages.session import Session
from mlops_ci.stages.signed import in_words

# SGR 2, "faint": a sink without colours takes it out.
DIM, RESET = "\x1b[2m", "\x1b[0m"


def inputs(session: Session) -> Mapping[str, Any]:
    """The plan depends on everything that was resolved, and on who asks."""
    known = {
        "resolution": session.resolution.fingerprint,
        "provider": session.provider.name,
        "trusted": session.provider.trusted(),
        "governance": to_json(session.settings.governance),
        "switches": [switched_on(session, name) for name in (DRY_RUN, ALWAYS)],
        **({} if (nodes := named_nodes(session)) is None else {"nodes": nodes}),
        **({"variants": further} if (further := further_builds(session)[0]) else {}),
    }
    # "Nothing to do" holds for the moment: the last success grows old.
    return known if night.idle(session.run) is None else {**known, "asked_again": stamp(now())}


def run(session: Session) -> Result:
    """Print the effective settings and the resolved work."""
    resolution = session.resolution
    governance = session.settings.governance
    _tell_settings(session)
    images = _tell_images(session)
    if resolution.extra is not None:
        session.console.say(extra.words(resolution.extra))
    if swept := _sweep(session):
        session.console.say(f"sweep: {swept}")
    for words in in_words(session.settings.tables.signing):
        session.console.say(f"signing: {words}")
    if resolution.data_digest is not None:
        session.console.say(f"data: {resolution.data_digest}")
    machines = runners(session.settings.tables.runners, session.settings.tables.evaluate.on)
    nodes, variants = _tell_cells(session)
    trusted, why = session.provider.trusted()
    session.console.say(f"engine {session.engine.name}, variant {session.variant}, provider {session.provider.name}")
    session.console.say(f"isolation: {session.engine.isolation}")
    if session.made_elsewhere:
        session.console.say(made_in_words(session.settings))
    for note in _misfits(session):
        session.console.annotate("warning", "torch and this machine's GPUs", note)
    if session.variant == "cpu":
        session.console.say("CPU: everything below is measured on a CPU; nothing here says anything about a GPU")
    session.console.say(f"trusted: {'yes' if trusted else 'no'} ({why})")
    freshness = night.freshness(session) if session.settings.mode == NIGHTLY else None
    nothing_new = freshness.last_run is not None and not freshness.changed if freshness else _seen_before(session)
    if freshness is not None:
        session.console.say(f"{NIGHTLY}: {freshness.why}")
    elif nothing_new:
        session.console.say("nothing is new since an earlier finished run: same code, data, image, settings and seed")
    idle = freshness.why if freshness and not freshness.due else None
    without = left_out(session, trusted=trusted, why=why, idle=idle)
    for name, reason in _worth_telling(without).items():
        session.console.say(f"{name} is left out: {reason}")
    canary = session.settings.tables.nightly.canary if freshness and freshness.due and trusted else None
    if canary is not None:
        session.console.say(f"canary: [mode.{canary}] runs beside, is told, and decides nothing")
    return Result(
        outputs=PlanOutputs(
            images=images,
            data_digest=resolution.data_digest,
            trusted=trusted,
            runner=session.settings.tables.runners.gpu if session.gpus else session.settings.tables.runners.cpu,
            nothing_new=nothing_new,
            trusted_because=why,
            runners=machines,
            nodes=nodes,
            variants=variants,
            left_out=without,
            freshness=freshness,
            canary=canary,
            sweep=swept,
            policies=tuple(PlannedPolicy(source=one.source, sha256=one.sha256) for one in governance.policies),
            bounds=governance.bounds,
            base=governance.base,
            base_notice=governance.notice,
            guarded_changes=tuple(GuardedChange(**vars(one)) for one in governance.changes),
        )
    )


def _tell_cells(session: Session) -> tuple[Nodes | None, tuple[str, ...]]:
    """The machines that are looked at and the further builds that get images, each in a job of its own."""
    nodes = named_nodes(session)
    variants, why_none = further_builds(session)
    said = [f"node {name}: {', '.join(own)}" for name, own in (nodes or {}).items()]
    said += [f"images for {name}: in a job of their own" for name in variants]
    for words in (*said, *filter(None, [why_none])):
        session.console.say(words)
    return nodes, variants


def _worth_telling(without: Mapping[str, str]) -> dict[str, str]:
    """Not what the configuration does not even mention."""
    return {name: reason for name, reason in without.items() if reason != NO_ENTRY}


def _sweep(session: Session) -> str:
    """What a sweep will do; only a project that has one loads what sweeps."""
    if not session.settings.tables.sweep.on:
        return ""
    from mlops_ci.stages.sweep import in_words as sweep_in_words

    return sweep_in_words(session)


def _tell_settings(session: Session) -> None:
    for line in effective(session.settings):
        session.console.output(f"{DIM}{line.text}{RESET}" if line.dim else line.text)
    for words in governing(session.settings.governance):
        session.console.say(words)


def _tell_images(session: Session) -> dict[str, PlannedImage]:
    """What will be built or used, and what differs from the repository's images.lock."""
    planned = session.resolution.images
    images = {
        plan.name: PlannedImage(ref=plan.ref, content_key=plan.content_key, action=plan.action, why=plan.why)
        for plan in planned
    }
    for name, image in images.items():
        session.console.say(f"image {name}: {image.action} {image.ref} ({image.why})")
    locked = images_lock.read(session.settings.root) if session.image_engine != "inside" else None
    if locked is not None:
        for words in images_lock.compare(locked, planned, engine=session.image_engine, variant=session.build):
            session.console.say(words)
    return images


def _misfits(session: Session) -> list[str]:
    """What does not fit this machine's GPUs; asked only where the job runs here and is to have GPUs."""
    match = re.fullmatch(r"cu(\d+)(\d)", session.variant)
    if match is None or not session.gpus or not session.provider.local:
        return []
    known = catalogue.load()
    release = known.release(session.settings.tables.image.torch)
    offered = [one.cuda.version for one in known.of(release).values() if one.cuda and not one.pending]
    return misfits(release.torch, f"{match[1]}.{match[2]}", local_gpus(), offered=offered)


def governing(governance: Governance) -> Iterator[str]:
    """What bounds the settings from outside, in lines."""
    for policy in governance.policies:
        yield f"policy {policy.source} (sha256 {policy.sha256[:12]}): it bounds {len(governance.bounds)} settings"
    if governance.base is not None:
        yield f"pull request: guarded settings are those of the base commit {governance.base[:12]}"
    if governance.notice:
        yield f"pull request: {governance.notice}"
    for one in governance.changes:
        when = "in force" if one.in_force else "in force after the merge"
        yield f"changed: {one.key} from {one.before} to {one.after} ({one.where}; {when})"


def _seen_before(session: Session) -> bool:
    for name in reversed(run_ids(session.workspace.runs)):
        if name == session.run.id:
            continue
        earlier = open_run(session.workspace.runs, name)
        if earlier.info.plan != session.run.info.plan or not earlier.info.own:
            continue
        report = earlier.record("report")
        promote = earlier.record("promote")
        if report is not None and report.done and promote is not None and promote.done:
            return True
    return False
