"""GitHub's expressions that the rendered files need, each with its reason."""

from __future__ import annotations

from mlops_ci.orchestrators.approving import APPROVE, DEPLOY
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.jobs import Job

# On events that are no pull request, `github.event.pull_request` is null, and so is the whole.
FORK = (
    "(github.event.pull_request && github.event.pull_request.head.repo.full_name != github.repository"
    " || github.event.workflow_run && github.event.workflow_run.head_repository.full_name != github.repository)"
)
# A variable of the jobs that cannot go by plan's word.
OWN_CODE = "OWN_CODE"
# What runs when plan could not say where: nothing but the evaluation of a label.
NOWHERE = "ubuntu-latest"


def expression(text: str) -> str:
    """`${{ text }}`."""
    return f"${{{{ {text} }}}}"


def plan_labels(profile: Profile) -> str:
    """Labels of plan's own machine: the input, one label or a JSON list, or the profile's."""
    return labels_of("runner-plan", profile.plan_runner)


def labels_of(name: str, default: str) -> str:
    """Labels of a machine that an input names: one label or a JSON list, or the default."""
    own = f"fromJSON('{default}')" if default.startswith("[") else f"'{default}'"
    given = f"inputs.{name}"
    return expression(f"startsWith({given}, '[') && fromJSON({given}) || {given} || {own}")


def job_labels(job: Job, profile: Profile) -> str:
    """The labels that plan chose for the job."""
    if job.runner == "plan":
        return plan_labels(profile)
    if job.fans == "node":
        return expression(f"fromJSON(matrix.labels || '[\"{NOWHERE}\"]')")
    return expression(f"fromJSON(needs.plan.outputs.runner-{job.machine} || '[\"{NOWHERE}\"]')")


def plan_condition(profile: Profile) -> str:
    """Before plan has run, nothing but the event says who is asking: a fork's code is planned on hosted machines."""
    return f"inputs.runner-plan == '' || !{FORK}" if profile.hosted_plan else f"!{FORK}"


def cell(job: Job, text: str) -> str:
    """Where a job fans out: `text` (an expression) in a cell that has a name, else nothing."""
    return expression(f"matrix.{job.fans} && {text} || ''")


def job_condition(job: Job, profile: Profile, *, continues: bool) -> str:
    """When the job runs; for the others `skipped` is what plan wanted, which the job `result` knows."""
    if job.name == "plan":
        return expression(plan_condition(profile))
    if job.always:
        return expression(f"always() && ({plan_condition(profile)})")
    wanted = f"contains(fromJSON(needs.plan.outputs.jobs || '[]'), '{job.listed or job.name}')"
    conditions = ["!cancelled()", "!failure()", wanted]
    if "deploy" in job.stages:
        # An approval is asked for what there is to deploy, and for nothing else.
        conditions.append(f"needs.{APPROVE if job.name == DEPLOY else 'promote'}.outputs.promoted == 'true'")
    if continues and not job.target:
        conditions.append("inputs.run-id == ''")
    return expression(" && ".join(conditions))


def bundle_repository(profile: Profile) -> str:
    """Where this very file comes from."""
    known = "inputs.bundle-repository || job.workflow_repository"
    return expression(known if profile.knows_itself else f"{known} || '{profile.repository}'")


def bundle_ref(profile: Profile) -> str:
    """The commit of this very file."""
    known = "inputs.bundle-ref || job.workflow_sha"
    return expression(known if profile.knows_itself else f"{known} || '{profile.ref}'")


def trusted(value: str) -> str:
    """A value for own code only."""
    return expression(f"needs.plan.outputs.trusted == 'true' && {value} || ''")


def decides_alone(job: Job) -> bool:
    """Whether a job that secrets reach cannot go by plan's word: plan itself, and what runs although plan failed."""
    return bool(job.secrets) and (job.name == "plan" or job.always)


def not_of_a_fork(value: str) -> str:
    """The same in plan, which decides about trust only while it runs, and in what runs also when plan failed."""
    return expression(f"env.{OWN_CODE} == 'true' && {value} || ''")
