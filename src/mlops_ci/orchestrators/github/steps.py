"""The steps of a job: the same for all of them but for the command in the middle."""

from __future__ import annotations

from mlops_ci.orchestrators import database_job
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.github import handing_on
from mlops_ci.orchestrators.github.expressions import (
    bundle_ref,
    bundle_repository,
    decides_alone,
    expression,
    not_of_a_fork,
    trusted,
)
from mlops_ci.orchestrators.github.handing_on import database_step
from mlops_ci.orchestrators.github.interface import SECRETS
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.step import a_step
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.signing import needs_program
from mlops_ci.orchestrators.yaml_text import Value, item

# Inside `.mlops`, which is part of no code digest, no build context and no difference from the commit.
BUNDLE = ".mlops/bundle"


def steps(job: Job, file: CalledFile, profile: Profile) -> list[str]:
    """The lines below `steps:`."""
    if job.name == database_job.NAME:
        return [line for one in database_steps(job, file, profile) for line in item(one)]
    found = [
        checkout_step(profile),
        *bundle_steps(profile),
        *handing_on.collect(job, file, profile),
        *handing_on.take_database(job, file, profile),
        *cosign_steps(job, profile),
        *(_result(job, file) if job.name == "result" else _stages(job)),
        *_cancelled(job, file),
        *handing_on.hand_on(job, file, profile),
        *handing_on.reports(job, file, profile),
    ]
    return [line for one in found for line in item(one)]


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


def database_steps(job: Job, file: CalledFile, profile: Profile) -> list[list[str]]:
    """The steps of the job that fetches the vulnerability database."""
    return [checkout_step(profile), *bundle_steps(profile), *_fetch(job), database_step(file, profile)]


def _fetch(job: Job) -> list[list[str]]:
    why = "The login is in this step alone, and for nothing but this registry."
    title = "Fetch the vulnerability database"
    return [a_step(title, why=why, id_="stages", env=secrets(job), run=database_job.FETCH)]


def cosign_steps(job: Job, profile: Profile) -> list[list[str]]:
    """`cosign`, where signatures are keyless and the job has to do with them."""
    if profile.signing != "keyless" or not needs_program(job):
        return []
    why = "It asks Sigstore for the certificate of a signature, and looks at those of others."
    return [a_step("Install cosign", why=why, uses=profile.action("cosign").uses)]


def _stages(job: Job) -> list[list[str]]:
    return [
        a_step(
            f"Run the {part.name} in a run of its own" if part.beside else f"Run {', '.join(part.stages)}",
            why="No secret reaches this step: the scanner is others' code."
            if job.parts and part.name == "scan"
            else "",
            id_=job.step_id(part),
            env=secrets(part),
            run=" ".join(part.command),
        )
        for part in job.steps
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
