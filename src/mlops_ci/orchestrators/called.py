"""The files that users call: which jobs each has, what goes in and what comes out. The same for every CI system."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mlops_ci import pipeline
from mlops_ci.orchestrators import fanning, spreading
from mlops_ci.orchestrators.beside import with_canary
from mlops_ci.orchestrators.jobs import Job, jobs_of
from mlops_ci.pipeline import Secret

Kind = Literal["string", "number", "boolean"]
Default = str | int | bool
# By what jobs hand a run on: what their CI system keeps of them, or the object store.
Handover = Literal["artifact", "store"]
# How images get to the jobs that need them: through a registry (without one each machine builds its own), or not at
# all, since one job builds them and does all that is done in them.
Images = Literal["registry", "one-job"]


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input of a called file. `variable` is what the command line tool reads it from, where it is one of its own.

    An input without a default (None) is required.
    """

    name: str
    kind: Kind
    default: Default | None
    about: str
    options: tuple[str, ...] = ()
    variable: str | None = None


@dataclass(frozen=True, kw_only=True)
class Output:
    """An output of a called file, written by the job `result` (or the job named)."""

    name: str
    about: str
    job: str = "result"


@dataclass(frozen=True, kw_only=True)
class CalledFile:
    """A file that a user calls. `goes_on` files go on with a run that another call has begun.

    `images` is how the site gets images to its jobs.
    """

    name: str
    title: str
    about: str
    jobs: tuple[Job, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    goes_on: bool = False
    images: Images = "registry"

    def job(self, name: str) -> Job:
        """The job of that name; raises `KeyError`."""
        return {job.name: job for job in self.jobs}[name]

    def input(self, name: str) -> Input:
        """The input of that name; raises `KeyError`."""
        return {one.name: one for one in self.inputs}[name]


HEAD: tuple[Input, ...] = (
    Input(
        name="config",
        kind="string",
        default="",
        about="path of the configuration; empty: mlops.toml in the root",
        variable="MLOPS_CI_CONFIG",
    ),
    Input(
        name="mode",
        kind="string",
        default="main",
        about="which overlay [mode.NAME] applies: pr, main, nightly, or one of your own",
        variable="MLOPS_CI_MODE",
    ),
    Input(
        name="engine",
        kind="string",
        default="docker",
        options=("docker", "host", "inside"),
        about="where jobs run: docker, host or inside; nothing is chosen silently in CI",
        variable="MLOPS_CI_ENGINE",
    ),
    Input(
        name="variant",
        kind="string",
        default="",
        about="the build of PyTorch, such as cpu or cu128; empty: [image] variant",
        variable="MLOPS_CI_VARIANT",
    ),
    Input(
        name="settings",
        kind="string",
        default="",
        about="changes to the configuration, one table.key=value per line",
        variable="MLOPS_CI_SET",
    ),
    Input(
        name="policy",
        kind="string",
        default="",
        about="an organisation's policy that bounds the configuration, as an address or a file; empty: [policy]",
        variable="MLOPS_CI_POLICY__SOURCE",
    ),
    Input(
        name="policy-digest",
        kind="string",
        default="",
        about="its SHA-256",
        variable="MLOPS_CI_POLICY__SHA256",
    ),
    Input(
        name="runner-plan",
        kind="string",
        default="",
        about="label of the runner that plans, or a JSON list of labels",
        variable="MLOPS_CI_RUNNERS__PLAN",
    ),
    Input(
        name="runner-cpu",
        kind="string",
        default="",
        about="label (or JSON list) for jobs without a GPU; empty: [runners] cpu",
        variable="MLOPS_CI_RUNNERS__CPU",
    ),
    Input(
        name="runner-gpu",
        kind="string",
        default="",
        about="label (or JSON list) for the job that verifies and trains; empty: [runners] gpu",
        variable="MLOPS_CI_RUNNERS__GPU",
    ),
    Input(
        name="dry-run",
        kind="boolean",
        default=False,
        about="publish and promote nothing, as always for a pull or merge request",
        variable="MLOPS_CI_DRY_RUN",
    ),
    Input(name="timeout", kind="number", default=360, about="limit of the job that trains, in minutes"),
)
RUN = Input(
    name="run-id",
    kind="string",
    default="",
    about="go on with this run, which another file has begun in the same pipeline; empty: begin one",
)
FORCE = Input(
    name="force",
    kind="boolean",
    default=False,
    about="run also when nothing is new",
    variable="MLOPS_CI_ALWAYS",
)
TAIL: tuple[Output, ...] = (
    Output(name="result", about="passed, failed or skipped"),
    Output(name="result-json", about="every fact of the run as one JSON object, without secrets"),
    Output(name="exit-code", about="the exit code of the first job that failed, else 0"),
    Output(name="run-id", about="id of the run, for a file that goes on with it", job="plan"),
    Output(name="trusted", about="whether the code is the repository's own, not a fork's", job="plan"),
    Output(name="runners", about="the labels that plan chose, as JSON: plan, cpu, gpu", job="plan"),
    Output(name="images", about="layer to digest, as JSON"),
    Output(name="model-version", about="the version that was registered, or empty"),
    Output(name="promoted", about="true when the champion is a new one"),
    Output(name="deployed", about="the image that serves the new champion, with its digest, or empty"),
    Output(name="report", about="name of the artifact that holds the report"),
)

# What goes on with a run whose model was trained and judged.
PUBLISHING = ("publish", "promote", "deploy")
# name, title, what it is for, the stages that it is for, how its inputs differ
_FILES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("train", "Train", "the whole pipeline, from plan to deploy", pipeline.NAMES),
    ("build", "Build", "images by content key, their SBOM, and your own checks", ("build", "check")),
    ("scan", "Scan", "vulnerabilities, secrets and misconfiguration against the policy", ("scan",)),
    ("verify", "Verify", "may this node train in this image?", ("verify",)),
    ("publish", "Publish", "publish, promote and deploy what another run has trained and judged", PUBLISHING),
    ("nightly", "Nightly", "the whole pipeline when something is new since the last time", pipeline.NAMES),
)


def called_files() -> tuple[CalledFile, ...]:
    """All files that users call."""
    return tuple(_file(*one) for one in _FILES)


def called_file(name: str) -> CalledFile:
    """The file of that name; raises `KeyError`."""
    return {one.name: one for one in called_files()}[name]


def handing_over(file: CalledFile, way: Handover) -> CalledFile:
    """The same file where jobs hand the run on in this way."""
    return replace(file, jobs=tuple(replace(job, hands_on=way == "store") for job in file.jobs))


def _file(name: str, title: str, about: str, targets: tuple[str, ...]) -> CalledFile:
    goes_on = name == "publish"
    whole = set(targets) == set(pipeline.NAMES)
    # A file that only goes on begins nothing: its caller names the run, and plan finds it again.
    stages = ("plan", *targets, "report") if goes_on else (*pipeline.with_needs(targets), "report")
    jobs = jobs_of(stages, targets=(*targets, "plan", "report"))
    tells = "train" in targets or goes_on
    reaching = tuple(_reaching_out(job, tells=tells, whole=whole, nightly=name == "nightly") for job in jobs)
    return CalledFile(
        name=name,
        title=title,
        about=about,
        jobs=_more(name, reaching),
        inputs=_inputs(name, whole=whole, goes_on=goes_on),
        outputs=TAIL,
        goes_on=goes_on,
    )


def _more(name: str, jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    if name == "nightly":
        return with_canary(jobs)
    if name == fanning.FILE:
        return fanning.fanned(jobs)
    return spreading.spread(jobs) if name in spreading.FILES else jobs


# Who looks for data or the champion in the object store. The user's code runs in these jobs: they may only read.
FETCHING = ("plan", "prepare", "train", "evaluate", "deploy")


def _reaching_out(job: Job, *, tells: bool, whole: bool, nightly: bool) -> Job:
    """What the ends of a whole pipeline need beside their stages.

    The last job tells people, and remembers in the object store what it told. The first and the last job of a nightly
    leave the stamps of the schedule there, and tell a dead man's switch.
    """
    last = job.name == "result" and tells
    if not last and not (nightly and job.name == "plan"):
        fetches = job.name in FETCHING if whole else "deploy" in job.stages
        return _with_identity(job, only_reads=True) if fetches else job
    more: tuple[Secret, ...] = ("store", *(("channels",) if last else ()), *(("ping",) if nightly else ()))
    return _with_identity(replace(job, secrets=tuple(dict.fromkeys((*job.secrets, *more)))))


def _with_identity(job: Job, *, only_reads: bool = False) -> Job:
    permissions = dict(sorted({**job.permissions, "id-token": "write"}.items()))
    return replace(job, permissions=permissions, only_reads=only_reads)


def _inputs(name: str, *, whole: bool, goes_on: bool) -> tuple[Input, ...]:
    head = tuple(replace(one, default="nightly") if name == "nightly" and one.name == "mode" else one for one in HEAD)
    if goes_on:
        return (replace(RUN, default=None, about="the run to publish, from the call that trained it"), *head)
    return (*head, FORCE) if name == "nightly" else head if whole else (*head, RUN)
