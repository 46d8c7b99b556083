"""How a pipeline of several jobs ended: from the jobs' own ends, where the CI system tells them, and from the records.

A job that did not run counts as failed unless plan left it out, or a run was handed over in which it is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops_ci.errors import UsageError
from mlops_ci.orchestrators.approving import DEPLOY as APPROVED
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.records.record import Record
from mlops_ci.run.nodes import Looked
from mlops_ci.run.run import HandoverError

Ending = Literal["passed", "failed", "skipped"]
LOST, CANCELLED, UNCHECKED = 10, 143, 4


class NeedsFormatError(UsageError):
    """What the CI system says of its jobs cannot be read."""


@dataclass(frozen=True, kw_only=True)
class JobEnd:
    """How a job ended, as its CI system says: `success`, `failure`, `cancelled`, `skipped`; `outputs` are its own."""

    result: str
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`exit_code` is that of the first job, in pipeline order, that failed; `jobs` is one word for each job.

    `worth_a_retry`: another try may end better (the graph's table of exit codes says so).
    """

    result: Ending
    exit_code: int
    reason: str
    jobs: Mapping[str, str]
    worth_a_retry: bool = False


def read_needs(text: str) -> dict[str, JobEnd]:
    """The jobs' ends from `{"job": {"result": "success", "outputs": {...}}}`. Raises `NeedsFormatError`."""
    try:
        data = json.loads(text or "{}")
        return {
            str(name): JobEnd(
                result=str(one["result"]), outputs={k: str(v) for k, v in (one.get("outputs") or {}).items()}
            )
            for name, one in data.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NeedsFormatError(
            f"the ends of the jobs cannot be read: {error!r}",
            hint="pass them as {job: {result, outputs}}, GitHub's toJSON(needs)",
        ) from error


def outcome(
    jobs: tuple[Job, ...],
    ends: Mapping[str, JobEnd],
    records: Mapping[str, Record],
    left_out: Mapping[str, str],
    nodes: Sequence[Looked] = (),
    variants: Sequence[Looked] = (),
) -> Outcome:
    """Count up the jobs (without the one that counts). Jobs that `ends` does not name are judged by their records.

    `nodes` and `variants` are those that plan named: the job that runs for each of them fails where it failed, or was
    lost, on one.
    """
    left_out = {**not_to_deploy(records, ends), **left_out}
    # A job that leaves no record is known by its end alone, where the CI system tells it.
    told = [job for job in jobs if job.stages or job.name in ends]
    found = {
        job.name: (
            _in_cells(job, ends.get(job.name), records, left_out, {"node": nodes, "variant": variants})
            if job.stages
            else _by_its_end(ends[job.name])
        )
        for job in told
    }
    bad = next(((name, one) for name, one in found.items() if one[1]), None)
    words = {name: one[0] for name, one in found.items()}
    if bad is not None:
        name, (word, code, why) = bad
        again = code in {job.name: job.retry for job in jobs}[name]
        reason = f"{name} {word}: {why}"
        return Outcome(result="failed", exit_code=code, reason=reason, jobs=words, worth_a_retry=again)
    worked = [name for name, word in words.items() if word == "passed" and name != "plan"]
    reasons = dict.fromkeys(one[2] for one in found.values() if one[0] == "left out")
    if not worked and reasons:
        return Outcome(result="skipped", exit_code=0, reason="; ".join(reasons), jobs=words)
    return Outcome(result="passed", exit_code=0, reason="; ".join(reasons), jobs=words)


def _in_cells(
    job: Job,
    end: JobEnd | None,
    records: Mapping[str, Record],
    left_out: Mapping[str, str],
    cells: Mapping[str, Sequence[Looked]],
) -> tuple[str, int, str]:
    found = _one(job, end, records, left_out)
    known = cells.get(job.fans, ())
    if not known or found[0] in ("left out", "was cancelled"):
        return found
    return _on_nodes(found, end, known) if job.fans == "node" else _for_builds(job, found, end, records, known)


def _for_builds(
    job: Job,
    found: tuple[str, int, str],
    end: JobEnd | None,
    records: Mapping[str, Record],
    builds: Sequence[Looked],
) -> tuple[str, int, str]:
    """Where the run's own build ended well, the first further one that did not counts."""
    if any(stage in records and _bad(records[stage]) for stage in job.stages):
        return found
    for one in builds:
        # Its plan is made in the first of these jobs.
        mine = [one.records[name] for name in ("plan", *job.stages) if name in one.records]
        bad = next(filter(_bad, mine), None)
        if bad is not None:
            word = "was cancelled" if bad.reason == "cancelled" else "failed"
            return word, bad.exit_code, f"{one.name}: {bad.error.cause if bad.error else bad.reason}"
    lost = [one.name for one in builds if not set(job.stages) & set(one.records)]
    if not lost:
        return found
    word, code, why = _without_record(end) if end is None or end.result == "success" else found
    return word, code, f"{', '.join(lost)}: {why}"


def _on_nodes(found: tuple[str, int, str], end: JobEnd | None, nodes: Sequence[Looked]) -> tuple[str, int, str]:
    word, code, why = found
    sick = [one.name for one in nodes if one.failed]
    if sick:
        return word, code, f"{', '.join(sick)}: {why}"
    lost = [one.name for one in nodes if not one.records]
    if not lost:
        return word, code, why
    word, code, why = _without_record(end) if end is None or end.result == "success" else (word, code, why)
    return word, code, f"{', '.join(lost)}: {why}"


def _one(
    job: Job, end: JobEnd | None, records: Mapping[str, Record], left_out: Mapping[str, str]
) -> tuple[str, int, str]:
    """A word, the exit code when it is a failure, and why."""
    failed = next((records[stage] for stage in job.stages if stage in records and _bad(records[stage])), None)
    if end is not None and end.result == "cancelled":
        return "was cancelled", CANCELLED, "cancelled"
    told = end.outputs.get("exit-code", "") if end is not None and end.result == "failure" else ""
    # Where the job itself tells another exit code, the record is that of an earlier attempt.
    if failed is not None and told in ("", str(failed.exit_code)):
        word = "was cancelled" if failed.reason == "cancelled" else "failed"
        return word, failed.exit_code, failed.error.cause if failed.error else failed.reason
    if end is not None and end.result == "failure":
        return "failed", int(told) if told.isdigit() and told != "0" else LOST, "it has left no record: see its log"
    if all(stage in left_out and (stage not in records or _skipped(records[stage])) for stage in job.stages):
        return "left out", 0, left_out[job.stages[-1]]
    if all(stage in records and not _bad(records[stage]) for stage in job.stages):
        waits = any(records[stage].status == "waiting" for stage in job.stages)
        return ("waits" if waits else "passed"), 0, ""
    return _without_record(end)


def not_to_deploy(records: Mapping[str, Record], ends: Mapping[str, JobEnd]) -> dict[str, str]:
    """The stage deploy, and why its job was not to run it: promote has ended, and there is no new champion, or a person
    has approved it since, and another job deploys.
    """
    promote = records.get("promote")
    if promote is None or _bad(promote):
        return {}
    if promote.status != "passed" or promote.outputs.get("to") == promote.outputs.get("from"):
        return {"deploy": "nothing was promoted, so there is nothing to deploy"}
    passed_over = "deploy" in ends and ends["deploy"].result == "skipped"
    if passed_over and (who := promote.outputs.get("approved_by")) is not None:
        return {"deploy": f"promoted when {who} had approved: the job {APPROVED} deploys it"}
    return {}


def _by_its_end(end: JobEnd) -> tuple[str, int, str]:
    told = end.outputs.get("exit-code", "")
    return {
        "success": ("passed", 0, ""),
        "skipped": ("left out", 0, ""),
        "cancelled": ("was cancelled", CANCELLED, "cancelled"),
    }.get(end.result, ("failed", int(told) if told.isdigit() and told != "0" else LOST, "see its log"))


def _without_record(end: JobEnd | None) -> tuple[str, int, str]:
    if end is not None and end.result == "success":
        return "was lost", HandoverError.exit_code, "it ended well, and what it handed on is gone: has it expired?"
    return "did not run", UNCHECKED, "nothing says why: its condition, or a job that it needs"


def _skipped(record: Record) -> bool:
    return record.status == "skipped"


def _bad(record: Record) -> bool:
    return record.status == "failed"


def facts(
    found: Outcome,
    run: Mapping[str, Any],
    records: Mapping[str, Record],
    canary: Record | None = None,
    nodes: Sequence[Looked] = (),
    variants: Sequence[Looked] = (),
) -> dict[str, Any]:
    """Every fact for later jobs as one JSON object: no file, no log, no address."""
    outputs = {name: dict(record.outputs) for name, record in records.items()}
    plan, build, promote = outputs.get("plan", {}), outputs.get("build", {}), outputs.get("promote", {})
    verify, evaluate, publish = outputs.get("verify", {}), outputs.get("evaluate", {}), outputs.get("publish", {})
    return {
        "schema": "mlops-ci/result/1",
        "result": found.result,
        "exit_code": found.exit_code,
        "reason": found.reason,
        "worth_a_retry": found.worth_a_retry,
        **run,
        "jobs": dict(found.jobs),
        "stages": {
            name: {"status": one.status, "exit_code": one.exit_code, "attempt": one.attempt, "seconds": one.seconds}
            for name, one in records.items()
        },
        "trusted": plan.get("trusted"),
        "left_out": plan.get("left_out", {}),
        "images": {name: image["digest"] for name, image in build.get("images", {}).items()},
        "node": verify.get("verdict"),
        **({"nodes": {one.name: node_facts(one) for one in nodes}} if nodes else {}),
        **({"variants": {one.name: build_facts(one) for one in variants}} if variants else {}),
        "verdict": evaluate.get("verdict"),
        "metrics": evaluate.get("metrics", {}),
        "model": publish.get("model"),
        "promoted": bool(promote) and promote.get("to") != promote.get("from"),
        "deployed": _deployed(records),
        **({"canary": _beside(canary)} if canary is not None else {}),
    }


def _deployed(records: Mapping[str, Record]) -> str | None:
    deploy = records.get("deploy")
    image = deploy.outputs.get("image") if deploy is not None and deploy.status == "passed" else None
    return str(image["pinned"]) if image else None


def node_facts(one: Looked) -> dict[str, Any]:
    """How the look at one machine ended."""
    code = one.failed.exit_code if one.failed is not None else 0 if one.records else LOST
    return {"result": one.result, "exit_code": code, "verdict": one.verdict, "reason": one.why}


def build_facts(one: Looked) -> dict[str, Any]:
    """How a further build of the images ended, and their digests."""
    build = one.records.get("build")
    images = build.outputs.get("images", {}) if build is not None else {}
    code = one.failed.exit_code if one.failed is not None else 0 if one.records else LOST
    digests = {name: image["digest"] for name, image in images.items()}
    return {"result": one.result, "exit_code": code, "reason": one.why, "images": digests}


def _beside(canary: Record) -> dict[str, Any]:
    known = ("overlay", "cell", "verdict", "metrics", "content_key", "stage")
    failed = {"class": canary.error.class_} if canary.error is not None else {}
    about = {"status": canary.status, "exit_code": canary.exit_code, "seconds": canary.seconds, **failed}
    return {**about, **{name: canary.outputs.get(name) for name in known}}
