"""One called file as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlops_ci.orchestrators import fanning
from mlops_ci.orchestrators.approving import DEPLOY, approving, deploying
from mlops_ci.orchestrators.called import CalledFile, handing_over
from mlops_ci.orchestrators.database_job import fetching
from mlops_ci.orchestrators.github import fan
from mlops_ci.orchestrators.github.approval import approve_job
from mlops_ci.orchestrators.github.expressions import (
    FORK,
    OWN_CODE,
    decides_alone,
    expression,
    job_condition,
    job_labels,
)
from mlops_ci.orchestrators.github.frame import framed
from mlops_ci.orchestrators.github.handing_on import exit_codes, report_name
from mlops_ci.orchestrators.github.interface import variables, workflow_call
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.steps import steps
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.signing import signing
from mlops_ci.orchestrators.together import together
from mlops_ci.orchestrators.yaml_text import comment, pair, pairs, section

REASONS = {
    ("contents", "read"): "to check the repository out",
    ("packages", "read"): "to ask for images and pull them",
    ("packages", "write"): "to push the images that it built",
    ("id-token", "write"): "to prove to the object store who asks (OIDC)",
}
SIGNS = "to sign images as this very workflow (OIDC)"
BOTH = "to prove to the object store who asks, and to sign images as this very workflow (OIDC)"
OWN_CODE_WHY = {
    "plan": "Whether this is no fork's: plan itself decides only while it runs, and secrets come before.",
    "result": "Whether this is no fork's: this job tells people also when plan has failed and says nothing.",
}
# What each job hands on to the others.
OUTPUTS: dict[str, tuple[str, ...]] = {
    "plan": ("run-id", "trusted", "jobs", "runners", "runner-cpu", "runner-gpu", "runner-evaluate"),
    "promote": ("promoted", "waiting"),
    DEPLOY: ("deployed",),
    "result": ("result", "result-json", "images", "model-version", "promoted", "deployed"),
}


def permissions(job: Job) -> dict[str, str]:
    """Everything that the job may do with its token."""
    own = {**job.permissions, **({"id-token": "write"} if job.hands_on or job.signs else {})}
    return {"contents": "read", **dict(sorted(own.items()))}


def granted(jobs: Iterable[Job]) -> dict[str, str]:
    """The union of what the jobs may do: GitHub refuses a call whose caller may do less."""
    found: dict[str, str] = {}
    for job in jobs:
        for scope, access in permissions(job).items():
            found[scope] = "write" if "write" in (access, found.get(scope)) else access
    return found


def workflow(file: CalledFile, profile: Profile) -> str:
    """The text of the file."""
    file = fetching(signing(handing_over(file, profile.handover), profile.signing), profile.database)
    file = together(file, profile.images)
    return document(file, profile, _jobs(file, profile))


def _jobs(file: CalledFile, profile: Profile) -> Iterator[list[str]]:
    approve, deploy = approving(file), deploying(file)
    for job in file.jobs:
        yield _job(job, file, profile)
        if "promote" in job.stages and approve is not None:
            yield approve_job(approve, file, profile, permission_lines(approve))
        if "deploy" in job.stages and deploy is not None:
            yield _job(deploy, file, profile)


def document(file: CalledFile, profile: Profile, jobs: Iterable[list[str]]) -> str:
    """The text of a file with these jobs: the same head for all that share its inputs."""
    return framed(
        file.name,
        f"{file.title}: {file.about}.",
        call=workflow_call(file, profile),
        jobs=jobs,
        variables=dict(variables(file, profile)),
        grants=["# No job has more than it names below; a caller must grant the union of them."],
        notes=comment(
            "No `concurrency` here: inside a called file the group's name would be the caller's, and cancel it. The "
            "caller decides; whoever publishes is not to be cancelled, and promote moves the champion only from the "
            "version that it was compared with."
        ),
    )


def _job(job: Job, file: CalledFile, profile: Profile) -> list[str]:
    continues = any(one.name == "run-id" for one in file.inputs)
    body = [*pair("name", job.name if not job.fans else fan.name(job))]
    if job.needs:
        body.append(f"needs: [{', '.join(job.needs)}]")
    body += pair("if", job_condition(job, profile, continues=continues))
    body += fan.strategy(job) if job.fans else []
    body += pair("runs-on", job_labels(job, profile))
    body += pair("timeout-minutes", expression("inputs.timeout") if job.minutes is None else job.minutes)
    if job.beside:
        body += comment("Whatever becomes of it, the night is as it is; the job `result` tells of it.")
        body += pair("continue-on-error", True)
    if job.guarded:
        why = "are the approval: who may promote" if job.name == "promote" else "say who may deploy"
        body += comment(f"The environment's protection rules {why}, and from which branch.")
        body += pair("environment", expression(f"inputs.{job.stages[0]}-environment"))
    body += section("permissions", permission_lines(job))
    environment = _environment(job, continues=continues)
    body += section("env", environment) if environment else []
    body += section("outputs", pairs(_outputs(job, file, profile)))
    body += section("steps", steps(job, file, profile))
    return [*comment(_about(job)), *section(job.name, body)]


def _about(job: Job) -> str:
    about = f"{job.summary[0].upper()}{job.summary[1:]}"
    parts = [about if about.endswith("?") else f"{about}."]
    if job.untrusted and job.name not in ("plan", "result"):
        parts.append("Also for code of a fork, then on a hosted machine and without a secret.")
    if job.name == "plan":
        parts.append("Decides about trust, and with that which of the jobs below run, and on what machines.")
    if job.runner == "gpu" and len(job.stages) > 1:
        parts.append("One job: the node that was verified is the node that trains.")
    if job.parts:
        parts.append("No registry carries images to another machine: all that needs them is in this job.")
    if job.name == "scan":
        where = "the step that scans" if job.hands_on else "this job"
        parts.append(f"No secret reaches {where}: the scanner is others' code.")
    if job.guarded:
        parts.append("Alone in its job, so that an approval is asked for this and nothing else.")
    if job.name == "deploy":
        parts.append("Only where [deploy] is set and there is a new champion.")
    if job.name == DEPLOY:
        parts.append("Not counted by `result`, which waits for nobody.")
    if job.beside:
        parts.append("Begins when the night has been judged, and never when that failed: it takes nobody's machine.")
    if job.name == "result":
        parts.append("The one job to require in branch protection.")
    return " ".join(parts)


def permission_lines(job: Job) -> list[str]:
    """Each permission with its reason."""
    reasons = {
        **REASONS,
        **(
            {("id-token", "write"): BOTH if "id-token" in job.permissions else SIGNS}
            if job.signs and not job.hands_on
            else {}
        ),
    }
    return [f"{scope}: {access} # {reasons[scope, access]}" for scope, access in permissions(job).items()]


def _run(job: Job, *, continues: bool) -> str:
    if job.name == "plan":
        return expression("inputs.run-id") if continues else ""
    run = "needs.plan.outputs.run-id"
    if job.fans == "variant":
        # The images of another build are made in a run of their own, which is named after both.
        return expression(f"matrix.variant && format('{{0}}-{{1}}', {run}, matrix.variant) || {run}")
    return expression(run)


def _environment(job: Job, *, continues: bool) -> list[str]:
    run = _run(job, continues=continues)
    lines = pair("MLOPS_CI_RUN", run) if run else []
    lines += pair(fanning.CELL, expression("matrix.node")) if job.fans == "node" else []
    lines += pair("MLOPS_CI_VARIANT", expression("matrix.variant || inputs.variant")) if job.fans == "variant" else []
    if decides_alone(job):
        lines += comment(OWN_CODE_WHY["plan" if job.name == "plan" else "result"])
        lines += pair(OWN_CODE, expression(f"!{FORK}"))
    return lines


def _outputs(job: Job, file: CalledFile, profile: Profile) -> dict[str, str | int | bool]:
    found: dict[str, str | int | bool] = {
        name: expression(f"steps.stages.outputs.{name}") for name in OUTPUTS.get(job.name, ())
    }
    if job.name == "plan":
        outputs = dict.fromkeys(fan.OUTPUT[one.fans] for one in file.jobs if one.fans)
        found |= {name: expression(f"steps.stages.outputs.{name}") for name in outputs}
    codes = " || ".join(exit_codes(job, file, profile))
    # Of several jobs of a matrix the last one's would count, whichever that is: their records tell.
    found["exit-code"] = expression(f"!matrix.{job.fans} && ({codes}) || ''" if job.fans else codes)
    if job.name == "result":
        found["report"] = report_name(file)
    return found
