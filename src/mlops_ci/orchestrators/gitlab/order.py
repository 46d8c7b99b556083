"""After which jobs a job of GitLab starts, whose artifacts it gets, and after which failures it is tried again."""

from __future__ import annotations

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.gitlab.document import Explained, Flow
from mlops_ci.orchestrators.gitlab.inputs import RUN_FROM, use
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.together import before
from mlops_ci.pipeline import NAMES

# GitLab allows no more.
MOST_RETRIES = 2
MEANING = {10: "infrastructure", 11: "an unhealthy node", 12: "preempted, with a checkpoint to go on from"}


def needs_of(file: CalledFile, job: Job) -> list[tuple[Job, str]]:
    """The jobs whose records it reads, however far back: GitLab gives a job the artifacts of those that it names."""
    before = file.jobs[: file.jobs.index(job)]
    wanted = {one.name for one in before if one.stages} if job.always else _closure(file, job)
    own = [(one, f"{use('job-prefix')}{one.name}") for one in before if one.name in wanted]
    return [*_earlier(file), *own]


def retry(codes: tuple[int, ...]) -> Explained:
    """The rule for these exit codes, and for a runner that is lost."""
    rule: dict[str, object] = {"max": MOST_RETRIES, "when": Flow(["runner_system_failure"])}
    if not codes:
        return Explained("Only when its machine is lost.", rule)
    rule["exit_codes"] = Flow(list(codes))
    return Explained(f"Exit codes: {'; '.join(f'{code} {MEANING[code]}' for code in codes)}.", rule)


def _closure(file: CalledFile, job: Job) -> set[str]:
    found: set[str] = set()
    pending = [*job.needs]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += file.job(name).needs
    # The database is for who scans: no other reads it.
    return {name for name in found if file.job(name).stages or name in job.needs}


def _earlier(file: CalledFile) -> list[tuple[Job, str]]:
    """The jobs of another file, whose run this one goes on with."""
    if not file.goes_on:
        return []
    known = {stage for job in file.jobs for stage in job.stages if stage != "plan"}
    first = min(map(NAMES.index, known))
    done = before(NAMES[:first], file.images)
    return [(one, f"{use(RUN_FROM)}{one.name}") for one in done]
