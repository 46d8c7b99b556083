"""The steps of a job: the same for all of them but for the command in the middle."""

from __future__ import annotations

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.github.expressions import (
    bundle_ref,
    bundle_repository,
    decides_alone,
    expression,
    not_of_a_fork,
    trusted,
)
from mlops_ci.orchestrators.github.interface import SECRETS
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.yaml_text import Value, comment, item, pair, pairs, section

# Inside `.mlops`, which is part of no code digest, no build context and no difference from the commit.
BUNDLE = ".mlops/bundle"
STARTED = expression("always() && steps.stages.outcome != 'skipped'")
PAGES = ".mlops/runs/*/report"
INCOMING, OUTGOING = ".mlops/handover/incoming", ".mlops/handover/outgoing"


def steps(job: Job, file: CalledFile, profile: Profile) -> list[str]:
    """The lines below `steps:`."""
    found = [
        checkout_step(profile),
        *bundle_steps(profile),
        *_collect(job, file, profile),
        *(_result(job, file) if job.name == "result" else _stages(job)),
        *_cancelled(job, file),
        *_hand_on(job, file, profile),
    ]
    return [line for one in found for line in item(one)]


def a_step(
    name: str,
    *,
    why: str = "",
    id_: str = "",
    condition: str = "",
    uses: str = "",
    with_: dict[str, Value] | None = None,
    env: dict[str, Value] | None = None,
    run: str = "",
) -> list[str]:
    """The lines of one step, to be put behind a dash."""
    lines = [*(comment(why) if why else []), *pair("name", name)]
    for key, value in (("id", id_), ("if", condition)):
        lines += pair(key, value) if value else []
    # An action's release stands behind it as a comment, which no quoting may touch.
    lines += [f"uses: {uses}"] if uses else []
    lines += section("with", pairs(with_)) if with_ else []
    lines += section("env", pairs(env)) if env else []
    return [*lines, *(pair("run", run) if run else [])]


def checkout_step(profile: Profile) -> list[str]:
    """The caller's repository, at the commit that the event is about."""
    return a_step(
        "Check out the repository",
        why="Of a pull request also the commit that it is merged into: policy and gates come from there.",
        uses=profile.action("checkout").uses,
        with_={"fetch-depth": expression("github.event.pull_request && 2 || 1"), "persist-credentials": False},
    )


def bundle_steps(profile: Profile) -> list[list[str]]:
    """The bundle at the very commit of the called file, by a way that every server and `act` can go."""
    repository, ref = bundle_repository(profile), bundle_ref(profile)
    missing = "is not known here: set this input of the called workflow"
    return [
        a_step(
            "Know where this file comes from",
            why="Without this the next checkout would silently take the caller's own repository.",
            env={"BUNDLE_REPOSITORY": repository, "BUNDLE_REF": ref},
            run=f': "${{BUNDLE_REPOSITORY:?bundle-repository {missing}}}" "${{BUNDLE_REF:?bundle-ref {missing}}}"',
        ),
        a_step(
            "Check out the bundle at the commit of this file",
            uses=profile.action("checkout").uses,
            with_={"repository": repository, "ref": ref, "path": BUNDLE, "persist-credentials": False},
        ),
        a_step(
            "Install the bundle from its locked requirements",
            uses=f"./{BUNDLE}/.github/actions/setup # zizmor: ignore[self-repository] act and older servers lack `$/`",
            with_={"ref": ref},
        ),
    ]


def collects(job: Job, file: CalledFile) -> bool:
    """Whether the job goes on with what other jobs handed on."""
    return job.name != "plan" or _continues(file)


def _collect(job: Job, file: CalledFile, profile: Profile) -> list[list[str]]:
    begins = job.name == "plan"
    if not collects(job, file):
        return []
    condition = expression("inputs.run-id != ''") if begins and not file.goes_on else ""
    if job.name == "result":
        condition = expression("needs.plan.outputs.run-id != ''")
    pattern: dict[str, Value] = (
        {} if profile.artifacts == 3 else {"pattern": expression("inputs.artifact-prefix") + "*"}
    )
    wanted = "" if begins or job.name == "result" else f" --for {job.name}"
    return [
        a_step(
            "Download what earlier jobs handed on",
            condition=condition,
            uses=profile.action("download").uses,
            with_={**pattern, "path": INCOMING},
        ),
        a_step(
            "Put the run together again, every file checked",
            id_="collect",
            condition=condition,
            run=f"mlops-ci handover collect {INCOMING}{wanted} --file {file.name}",
        ),
    ]


def _stages(job: Job) -> list[list[str]]:
    return [
        a_step(
            f"Run the {job.name} in a run of its own" if job.beside else f"Run {', '.join(job.stages)}",
            id_="stages",
            env=secrets(job),
            run=" ".join(job.command),
        )
    ]


def _result(job: Job, file: CalledFile) -> list[list[str]]:
    return [
        a_step(
            "Report, count up the jobs, hand every fact on",
            why="A job that did not run counts as failed unless plan left it out.",
            id_="stages",
            condition=expression("always()"),
            env={"MLOPS_CI_NEEDS": expression("toJSON(needs)"), **secrets(job)},
            run=f"mlops-ci result --file {file.name}",
        )
    ]


def _cancelled(job: Job, file: CalledFile) -> list[list[str]]:
    if job.name == "result":
        return []
    return [
        a_step(
            "Note the cancellation, end what is left",
            condition=expression("cancelled()"),
            run=f"mlops-ci handover cancelled --job {job.name} --file {file.name}",
        )
    ]


def _hand_on(job: Job, file: CalledFile, profile: Profile) -> list[list[str]]:
    """Also of a job that failed: its records say why, its checkpoints are where the next attempt goes on."""
    attempt = expression("github.run_attempt")
    prefix = expression("inputs.artifact-prefix")
    found = [
        a_step(
            "Pack what later jobs read",
            condition=STARTED,
            run=f"mlops-ci handover pack {OUTGOING} --job {job.name} --file {file.name}",
        ),
        _upload("Hand it on", f"{prefix}{file.name}-{job.name}-{attempt}", OUTGOING, profile),
    ]
    if job.beside:
        # The folder of the night has no page yet: this is the job's own.
        name = f"report-{prefix}{file.name}-{job.name}-{attempt}"
        return [*found, _upload("Keep its own report for people", name, PAGES, profile)]
    return [*found, report_step(file, profile)] if job.name == "result" else found


def report_step(file: CalledFile, profile: Profile) -> list[str]:
    """The page, for people: no job reads it."""
    return _upload("Keep the report for people", report_name(file), PAGES, profile)


def _upload(title: str, name: str, path: str, profile: Profile) -> list[str]:
    hidden: dict[str, Value] = {"include-hidden-files": True} if profile.artifacts == 4 else {}
    return a_step(
        title,
        condition=STARTED,
        uses=profile.action("upload").uses,
        with_={
            "name": name,
            "path": path,
            "if-no-files-found": "warn",
            **hidden,
            "retention-days": expression("inputs.retention-days"),
        },
    )


def report_name(file: CalledFile) -> str:
    """The artifact that holds the report."""
    # Not the prefix of the others: who collects a run needs no report.
    return f"report-{expression('inputs.artifact-prefix')}{file.name}-{expression('github.run_attempt')}"


def _continues(file: CalledFile) -> bool:
    return any(one.name == "run-id" for one in file.inputs)


def secrets(job: Job) -> dict[str, Value]:
    """The job's own credentials, in this step alone; a job that may run for a fork has them for own code only."""
    guard = not_of_a_fork if decides_alone(job) else trusted if job.untrusted else expression
    defaults = {"registry-username": "github.actor", "registry-password": "github.token"}
    found: dict[str, Value] = {}
    if "id-token" in job.permissions:
        found["AWS_ROLE_ARN"] = guard("inputs.aws-role-read" if job.only_reads else "inputs.aws-role")
    for group in job.secrets:
        for name, variable, _ in SECRETS[group]:
            value = f"secrets.{name}"
            if name in defaults:
                value = f"(secrets.{name} || {defaults[name]})"
                if guard is expression:
                    value = value[1:-1]
            found[variable] = guard(value)
    return found
