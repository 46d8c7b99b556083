"""What a caller must know of each file that GitHub users call: its inputs, its secrets, what it must be granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from mlops_ci.orchestrators import decay, rolling_back
from mlops_ci.orchestrators.called import CalledFile, Handover, Input, handing_over
from mlops_ci.orchestrators.database_job import Database, fetching
from mlops_ci.orchestrators.github import code_scanning_workflow, comment_workflow, retry_workflow
from mlops_ci.orchestrators.github.interface import inputs_of, secrets_of
from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.workflow import REASONS, granted

RETRY_REASON = "to read the artifacts of the finished run, and to start its failed jobs again"
# Files that a caller adds, with the reasons for what they must be granted.
GRANTING = (comment_workflow, code_scanning_workflow)
LEVELS = ("none", "read", "write")


@dataclass(frozen=True, kw_only=True)
class Interface:
    """A called file from outside. `grant` is what its caller must give; `begins` says that it can begin a run, and
    `changes` that it changes what others see.
    """

    name: str
    inputs: Mapping[str, Input]
    secrets: tuple[str, ...]
    grant: Mapping[str, str]
    begins: bool
    changes: bool
    store_jobs: tuple[str, ...] = ()
    reading_jobs: tuple[str, ...] = ()


@cache
def interfaces(way: Handover = "artifact", database: Database = "scan") -> Mapping[str, Interface]:
    """All of them, by name, where jobs hand the run on in this way, and who scans gets its database so."""
    files = (
        file if file.name in decay.ALONE else fetching(handing_over(file, way), database) for file in decay.all_files()
    )
    found = {file.name: _interface(file) for file in files}
    comment_grant, alert_grant = (
        {scope: access for scope, (access, _) in module.PERMISSIONS.items()} for module in GRANTING
    )
    for name, inputs, grant in (
        (retry_workflow.NAME, retry_workflow.INPUTS, {"actions": "write"}),
        (comment_workflow.NAME, comment_workflow.INPUTS, comment_grant),
        (code_scanning_workflow.NAME, code_scanning_workflow.INPUTS, alert_grant),
    ):
        found[name] = Interface(
            name=name,
            inputs={one.name: one for one in inputs},
            secrets=(),
            grant=grant,
            begins=False,
            changes=False,
        )
    return found


def grant_lines(grant: Mapping[str, str]) -> list[str]:
    """The block to paste into the calling job."""
    own = {(scope, access): why for module in GRANTING for scope, (access, why) in module.PERMISSIONS.items()}
    reasons = {("actions", "write"): RETRY_REASON, **own, **REASONS}
    return ["permissions:", *(f"  {scope}: {access} # {reasons[scope, access]}" for scope, access in grant.items())]


def _interface(file: CalledFile) -> Interface:
    with_store = [job for job in file.jobs if "store" in job.secrets]
    return Interface(
        name=file.name,
        inputs={one.name: one for one in inputs_of(file, load_profile("default"))},
        secrets=tuple(name for name, _, _ in secrets_of(file)),
        grant=granted(file.jobs),
        begins=not file.goes_on and file.name not in decay.ALONE,
        changes=any(job.guarded for job in file.jobs) or file.name == rolling_back.NAME,
        store_jobs=tuple(job.name for job in with_store),
        reading_jobs=tuple(job.name for job in with_store if job.only_reads),
    )
