"""What goes in and what comes out: `on.workflow_call` of a called file."""

from __future__ import annotations

from mlops_ci.orchestrators import approving, database_job, fanning, spreading
from mlops_ci.orchestrators.called import CalledFile, Input, Output
from mlops_ci.orchestrators.github.expressions import FORK, expression
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.together import ONE_JOB, VARIABLE, shares
from mlops_ci.orchestrators.yaml_text import Value, pair, section
from mlops_ci.pipeline import Secret

# The secrets of each group, and the variables that the tool reads them from.
SECRETS: dict[Secret, tuple[tuple[str, str, str], ...]] = {
    "registry": (
        ("registry-username", "MLOPS_CI_REGISTRY_USERNAME", "user of the image registry; empty: who started this"),
        ("registry-password", "MLOPS_CI_REGISTRY_PASSWORD", "its password or token; empty: the token of the job"),
    ),
    "signing": (
        ("cosign-private-key", "COSIGN_PRIVATE_KEY", "the key that signs images and models, for [signing] key"),
        ("cosign-password", "COSIGN_PASSWORD", "its password, for [signing] password"),
    ),
    "store": (
        ("aws-access-key-id", "AWS_ACCESS_KEY_ID", "key of the object store; better none, and a role"),
        ("aws-secret-access-key", "AWS_SECRET_ACCESS_KEY", "its secret"),
        ("aws-session-token", "AWS_SESSION_TOKEN", "its session, where it is a temporary key"),
    ),
    "tracking": (
        ("mlflow-username", "MLFLOW_TRACKING_USERNAME", "user of the MLflow server"),
        ("mlflow-password", "MLFLOW_TRACKING_PASSWORD", "its password"),
        ("mlflow-token", "MLFLOW_TRACKING_TOKEN", "its token, instead of both"),
    ),
    "channels": (
        ("slack-webhook-url", "SLACK_WEBHOOK_URL", "address of a Slack webhook, for [notify] slack"),
        ("teams-webhook-url", "TEAMS_WEBHOOK_URL", "address of a Teams workflow, for [notify] teams"),
        ("notify-webhook-url", "NOTIFY_WEBHOOK_URL", "address that takes JSON, for [notify] webhook"),
        ("notify-webhook-key", "NOTIFY_WEBHOOK_KEY", "the key that signs it, for [notify] webhook-key"),
        ("notify-smtp-url", "NOTIFY_SMTP_URL", "mail server with user and password, for [notify] email"),
    ),
    "database": (
        ("database-username", "MLOPS_CI_DATABASE_USERNAME", "user of the registry in [mirrors] trivy-db"),
        ("database-password", "MLOPS_CI_DATABASE_PASSWORD", "its password or token"),
    ),
    "ping": (("ping-url", "MLOPS_CI_PING_URL", "address of a dead man's switch, for [nightly] ping-url"),),
}
OWN: tuple[Input, ...] = (
    Input(
        name="artifact-prefix",
        kind="string",
        default="mlops-",
        about="begins the names of all artifacts; two calls that begin runs in one workflow need different ones",
    ),
    Input(
        name="registry",
        kind="string",
        default="",
        about="host of the registry for images that [image] registry sends nowhere; empty: each machine builds its own",
    ),
    Input(name="retention-days", kind="number", default=0, about="days that the artifacts are kept"),
    Input(
        name="bundle-repository",
        kind="string",
        default="",
        about="where this file comes from; empty: as the server says",
    ),
    Input(name="bundle-ref", kind="string", default="", about="the commit of this file; empty: as the server says"),
)
ENVIRONMENT = Input(
    name="promote-environment",
    kind="string",
    default="mlops-promote",
    about="the environment of the job that promotes: its protection rules are the approval",
)
DEPLOYMENT = Input(
    name="deploy-environment",
    kind="string",
    default="mlops-deploy",
    about="the environment of the job that deploys: its protection rules say who may",
)
NODES = Input(
    name="nodes",
    kind="string",
    default="",
    about="a JSON list of labels, one entry for each machine to look at; empty: one machine, with runner-gpu",
    variable=fanning.VARIABLE,
)
APPROVAL = Input(
    name="approve-environment",
    kind="string",
    default="",
    about="an environment with required reviewers, who let a promotion through that waits for a person; empty: none",
)
ROLE = Input(
    name="aws-role",
    kind="string",
    default="",
    about="role (ARN) that the jobs assume that write to the object store, instead of any key",
)
ROLE_READ = Input(
    name="aws-role-read",
    kind="string",
    default="",
    about="role (ARN) that the jobs assume that only read there: data, and the champion",
)
ROLE_HANDOVER = Input(
    name="aws-role-handover",
    kind="string",
    default="",
    about="role (ARN) that every job assumes to hand the run on: it reads and writes below handover/ alone",
)


def inputs_of(file: CalledFile, profile: Profile) -> tuple[Input, ...]:
    """The file's inputs at GitHub, with the site's defaults."""
    defaults: dict[str, Value] = {
        "engine": profile.engine,
        "runner-cpu": profile.cpu_runner,
        "runner-gpu": profile.gpu_runner,
        "registry": profile.registry,
        "retention-days": profile.retention,
    }
    guarded = {job.name for job in file.jobs if job.guarded}
    promotes = (
        *((ENVIRONMENT, APPROVAL) if "promote" in guarded else ()),
        *((DEPLOYMENT,) if "deploy" in guarded else ()),
    )
    fans = (NODES,) if any(job.fans == "node" for job in file.jobs) else ()
    publishes = (ROLE,) if any("id-token" in job.permissions for job in file.jobs) else ()
    hands_on = (ROLE_HANDOVER,) if any(job.hands_on for job in file.jobs) else ()
    reads = (ROLE_READ,) if any(job.only_reads for job in file.jobs) else ()
    return tuple(
        one if one.name not in defaults else _with_default(one, defaults[one.name])
        for one in (*file.inputs, *fans, *publishes, *reads, *hands_on, *promotes, *OWN)
    )


def secrets_of(file: CalledFile) -> tuple[tuple[str, str, str], ...]:
    """Name, variable and meaning of the secrets that the file's jobs can use."""
    groups = dict.fromkeys(group for job in file.jobs for group in (*job.secrets, *_to_hand_on(job)))
    return tuple(one for group in groups for one in SECRETS[group])


def _to_hand_on(job: Job) -> tuple[Secret, ...]:
    return ("store",) if job.hands_on else ()


def workflow_call(file: CalledFile, profile: Profile) -> list[str]:
    """The lines below `workflow_call:`."""
    return [
        *section("inputs", [line for one in inputs_of(file, profile) for line in input_lines(one)]),
        "# Declared one by one, none is required: `secrets: inherit` would hand over what this file has no use for.",
        *section("secrets", [line for name, _, about in secrets_of(file) for line in _secret(name, about)]),
        *section("outputs", [line for one in file.outputs for line in _output(file, one)]),
    ]


def variables(file: CalledFile, profile: Profile) -> dict[str, str]:
    """Input to variable, for all jobs: nothing of what a caller writes becomes part of a script."""
    found = {one.variable: expression(_given(one)) for one in inputs_of(file, profile) if one.variable}
    # What is proposed is not published: a caller's word can only add to that. Not `!= null`, which act finds true of
    # what is not there.
    found["MLOPS_CI_DRY_RUN"] = expression("inputs.dry-run || github.event.pull_request && true || false")
    # A fork's code gets no token to push with: each of its machines builds for itself.
    own = f"inputs.registry && !{FORK} && format('{{0}}/{{1}}', inputs.registry, github.repository) || ''"
    handover = {"MLOPS_CI_HANDOVER": "store"} if any(job.hands_on for job in file.jobs) else {}
    one_job = {VARIABLE: ONE_JOB} if shares(file) else {}
    database = {database_job.VARIABLE: "job"} if database_job.is_fetched(file) else {}
    spreads = {spreading.VARIABLE: "true"} if any(job.fans == "variant" for job in file.jobs) else {}
    return {**found, "MLOPS_CI_DEFAULT_REGISTRY": expression(own), **handover, **one_job, **database, **spreads}


def _given(one: Input) -> str:
    """What the caller says. What is said by a variable that nobody set is empty: the site's own labels count then."""
    return f"inputs.{one.name}" + (f" || '{one.default}'" if one.name.startswith("runner-") and one.default else "")


def _with_default(one: Input, default: Value) -> Input:
    return Input(
        name=one.name, kind=one.kind, default=default, about=one.about, options=one.options, variable=one.variable
    )


def input_lines(one: Input) -> list[str]:
    """The declaration of an input."""
    lines = [*pair("description", one.about), f"type: {one.kind}"]
    lines += ["required: true"] if one.default is None else pair("default", one.default)
    return section(one.name, lines)


def _secret(name: str, about: str) -> list[str]:
    return section(name, [*pair("description", about), "required: false"])


def _output(file: CalledFile, one: Output) -> list[str]:
    told = (*_told_after_approval(file, one), one.job)
    value = expression(" || ".join(f"jobs.{job}.outputs.{one.name}" for job in told))
    return section(one.name, [*pair("description", one.about), *pair("value", value)])


def _told_after_approval(file: CalledFile, one: Output) -> tuple[str, ...]:
    """Who knows more than the job that counts, which does not wait for a person."""
    later = {"promoted": approving.APPROVE, "deployed": approving.DEPLOY}.get(one.name)
    return tuple(job.name for job in approving.after_approval(file) if job.name == later)
