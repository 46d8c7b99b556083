"""The steps by which a job goes on with a run, and hands it on: as artifacts, or through the object store."""

from __future__ import annotations

from mlops_ci.orchestrators import approving, database_job
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.github.expressions import cell, expression, not_of_a_fork, trusted
from mlops_ci.orchestrators.github.interface import ROLE_HANDOVER, SECRETS
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.yaml_text import Value

INCOMING, OUTGOING = ".mlops/handover/incoming", ".mlops/handover/outgoing"
PAGES = ".mlops/runs/*/report"
TRUSTED = "needs.plan.outputs.trusted == 'true'"
# What plan itself has just decided, and what the event says: its own secrets were there before.
OWN_WORD = "env.OWN_CODE == 'true' && steps.stages.outputs.trusted == 'true'"


def started(job: Job) -> str:
    """Whether the job came so far that it has something to hand on."""
    return f"always() && steps.{job.step_id(job.steps[0])}.outcome != 'skipped'"


def collects(job: Job, file: CalledFile) -> bool:
    """Whether the job goes on with what other jobs handed on."""
    return job.name != "plan" or continues(file)


def continues(file: CalledFile) -> bool:
    """Whether a call can go on with a run that another has begun."""
    return any(one.name == "run-id" for one in file.inputs)


def collect(job: Job, file: CalledFile, profile: Profile) -> list[list[str]]:
    """The steps before the stages."""
    if not collects(job, file):
        return []
    begun = ""
    if job.name == "plan" and not file.goes_on:
        begun = "inputs.run-id != ''"
    elif job.name == "result":
        begun = "needs.plan.outputs.run-id != ''"
    if profile.handover == "artifact":
        return _download(job, file, profile, begun)
    own = "env.OWN_CODE == 'true'" if job.name == "plan" else TRUSTED
    only = own if job.untrusted else ""
    fetched = a_step(
        "Fetch from the object store what earlier jobs handed on, every file checked",
        id_="collect",
        condition=_all(begun, only),
        env=_identity(job),
        run=f"mlops-ci handover pull{_for(job) or ' --light'} --file {file.name}",
    )
    if not job.untrusted:
        return [fetched]
    return [fetched, *_download(job, file, profile, _join(begun, f"!({own})"), id_="unpack")]


def hand_on(job: Job, file: CalledFile, profile: Profile) -> list[list[str]]:
    """The steps after them. Also of a job that failed: its records say why, and its checkpoints are where the next
    attempt goes on.
    """
    if profile.handover == "artifact":
        return _upload(job, file, profile, started(job))
    own = OWN_WORD if job.name == "plan" else TRUSTED
    pushed = a_step(
        "Hand it on through the object store",
        id_="hand-on",
        condition=_all(started(job), own if job.untrusted else ""),
        env=_identity(job),
        run=f"mlops-ci handover push --job {job.name} --file {file.name}",
    )
    if job.name == "result":
        # Small, and read by files that have no identity: by the one that comments, and by the one that tries again.
        return [pushed, *_upload(job, file, profile, started(job), whole=True)]
    return [pushed, *_upload(job, file, profile, _join(started(job), f"!({own})"))] if job.untrusted else [pushed]


def reports(job: Job, file: CalledFile, profile: Profile) -> list[list[str]]:
    """The steps that keep what people read."""
    if job.beside:
        # The folder of the night has no page yet: this is the job's own.
        name = f"report-{expression('inputs.artifact-prefix')}{file.name}-{job.name}-{expression('github.run_attempt')}"
        return [_keep("Keep its own report for people", name, PAGES, profile, started(job))]
    if job.name == approving.DEPLOY:
        return [page_afterwards(job, file, profile)]
    return [report_step(job, file, profile)] if job.name == "result" else []


def take_database(job: Job, file: CalledFile, profile: Profile) -> list[list[str]]:
    """The steps by which a job that scans gets the database from the one that fetched it."""
    if not (database_job.takes(job) and database_job.is_fetched(file)):
        return []
    older = profile.artifacts == 3
    # That service knows no patterns: all is downloaded, where nothing has done that before.
    if older and profile.handover == "artifact" and any(one.name == "plan" for one in file.jobs):
        return [
            a_step("Lay the database where the scan finds it", id_="take", run=f"mlops-ci database take {INCOMING}")
        ]
    pattern: dict[str, Value] = {} if older else {"pattern": f"{_database(file)}*"}
    download = a_step(
        "Download the vulnerability database",
        uses=profile.action("download").uses,
        with_={**pattern, "path": database_job.FOLDER},
    )
    return [download, a_step("Lay it where the scan finds it", id_="take", run=database_job.TAKE)]


def database_step(file: CalledFile, profile: Profile) -> list[str]:
    """The database as an artifact. Its name begins in another way: only who scans downloads it."""
    name = f"{_database(file)}{expression('github.run_attempt')}"
    return _keep("Hand it on", name, database_job.FOLDER, profile, "success()")


def _database(file: CalledFile) -> str:
    return f"{database_job.NAME}-{expression('inputs.artifact-prefix')}{file.name}-"


def report_step(job: Job, file: CalledFile, profile: Profile) -> list[str]:
    """The page, for people: no job reads it."""
    return _keep("Keep the report for people", report_name(file), PAGES, profile, started(job))


def page_afterwards(job: Job, file: CalledFile, profile: Profile) -> list[str]:
    """The page as it is after a job that comes when the run has been counted up: the approval, what follows it."""
    name = f"report-{expression('inputs.artifact-prefix')}{file.name}-{job.name}-{expression('github.run_attempt')}"
    return _keep("Keep the report for people", name, PAGES, profile, started(job))


def report_name(file: CalledFile) -> str:
    """The artifact that holds the report."""
    # Not the prefix of the others: who collects a run needs no report.
    return f"report-{expression('inputs.artifact-prefix')}{file.name}-{expression('github.run_attempt')}"


def exit_codes(job: Job, file: CalledFile, profile: Profile) -> list[str]:
    """The steps that may know the job's exit code, in the order in which they are asked."""
    # Of several parts the last that ran ended the job.
    found = [f"steps.{job.step_id(part)}.outputs.exit-code" for part in reversed(job.steps)]
    if job.name == database_job.NAME:
        return found
    if profile.handover == "store":
        # Stages that ended well, and could not be handed on.
        found.insert(0, "steps.hand-on.outputs.exit-code")
    if database_job.takes(job) and database_job.is_fetched(file):
        found.append("steps.take.outputs.exit-code")
    if collects(job, file):
        # What could not be put together again ends the job before any stage has an exit code.
        found.append("steps.collect.outputs.exit-code")
        if profile.handover == "store" and job.untrusted:
            found.append("steps.unpack.outputs.exit-code")
    return found


def _download(job: Job, file: CalledFile, profile: Profile, condition: str, *, id_: str = "collect") -> list[list[str]]:
    pattern: dict[str, Value] = (
        {} if profile.artifacts == 3 else {"pattern": expression("inputs.artifact-prefix") + "*"}
    )
    return [
        a_step(
            "Download what earlier jobs handed on",
            condition=_all(condition),
            uses=profile.action("download").uses,
            with_={**pattern, "path": INCOMING},
        ),
        a_step(
            "Put the run together again, every file checked",
            id_=id_,
            condition=_all(condition),
            run=f"mlops-ci handover collect {INCOMING}{_for(job)} --file {file.name}",
        ),
    ]


def _upload(job: Job, file: CalledFile, profile: Profile, condition: str, *, whole: bool = False) -> list[list[str]]:
    attempt, prefix = expression("github.run_attempt"), expression("inputs.artifact-prefix")
    all_jobs = " --whole" if whole else ""
    node = cell(job, f"format('{{0}}-', matrix.{job.fans})") if job.fans else ""
    return [
        a_step(
            "Pack what later jobs read",
            condition=_all(condition),
            run=f"mlops-ci handover pack {OUTGOING} --job {job.name} --file {file.name}{all_jobs}",
        ),
        _keep("Hand it on", f"{prefix}{file.name}-{job.name}-{node}{attempt}", OUTGOING, profile, condition),
    ]


def _keep(title: str, name: str, path: str, profile: Profile, condition: str) -> list[str]:
    hidden: dict[str, Value] = {"include-hidden-files": True} if profile.artifacts == 4 else {}
    return a_step(
        title,
        condition=expression(condition),
        uses=profile.action("upload").uses,
        with_={
            "name": name,
            "path": path,
            "if-no-files-found": "warn",
            **hidden,
            "retention-days": expression("inputs.retention-days"),
        },
    )


def _identity(job: Job) -> dict[str, Value]:
    """Whom the store sees in this step alone: the role that hands runs on and may do no more, or keys."""
    guard = not_of_a_fork if job.name == "plan" else trusted if job.untrusted else expression
    found: dict[str, Value] = {"MLOPS_CI_HANDOVER_ROLE": guard(f"inputs.{ROLE_HANDOVER.name}")}
    return found | {variable: guard(f"secrets.{name}") for name, variable, _ in SECRETS["store"]}


def _for(job: Job) -> str:
    """What a job needs is checked; plan, the last job and the one that approves take what there is."""
    return "" if job.name in ("plan", "result", approving.APPROVE) else f" --for {job.name}"


def _join(*conditions: str) -> str:
    return " && ".join(one for one in conditions if one)


def _all(*conditions: str) -> str:
    found = _join(*conditions)
    return expression(found) if found else ""
