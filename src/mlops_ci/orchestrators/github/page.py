"""The page on GitHub Actions: what to paste, and tables of what goes in and comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlops_ci.orchestrators.called import CalledFile, called_file
from mlops_ci.orchestrators.decay import all_files
from mlops_ci.orchestrators.github import code_scanning_workflow, comment_workflow
from mlops_ci.orchestrators.github.interface import inputs_of, secrets_of
from mlops_ci.orchestrators.github.profile import Profile
from mlops_ci.orchestrators.github.workflow import REASONS, granted
from mlops_ci.orchestrators.jobs import Job

HEAD = """\
# GitHub Actions

`mlops-ci init --provider github` writes a [`mlops.toml`](../your-repository.md), `.github/workflows/mlops.yml`,
`mlops-nightly.yml` and `mlops-decay.yml`, pinned to where the tool came from, and says what is still to set;
`--bundle ORG/REPO@REF` names a copy. What exists stays. Or copy this to `.github/workflows/train.yml`: it is the
file `examples/github/train.yml`, which this project's tests execute as it stands.

```yaml
{example}
```

Then set, under *Settings > Secrets and variables > Actions > Variables*:

- `MLOPS_CI_RUNNER_GPU`: the label of your GPU runner, or a JSON list of labels (`["self-hosted", "gpu"]`); without it
  `[runners] gpu` of `mlops.toml` decides;
- `MLOPS_CI_ENGINE`: `host` where the runner has no container engine.

In branch protection require the job **`mlops / result`** and no other: it counts a job that did not run as failed
unless plan left it out, where GitHub itself would take a skipped job for a green one.
"""
DOCTOR = """
## Checking it

`mlops-ci doctor --provider github` reads every workflow that calls the bundle, before a push and without a network:
inputs and their types, permissions, secrets, the release, the configuration. It ends with exit code 2 when something is
to be corrected; GitHub itself refuses such a workflow only when it starts. For a `.github/workflows/mlops.yml` with
five mistakes it says:

```text
{mistakes}
```

With a store on S3 it prints the policies of two roles, which replace every key and may do what the tool asks for and no
more: `aws-role` is for the jobs that write, `aws-role-read` for those that look for data and the champion. Your code
runs in the latter, and with the engine `host` as the same user: it could ask for what they may, which is to read.
`decay.yml` is one job, which runs your code and leaves stamps, with `aws-role` alone: [which role that can
be](../nightly.md#as-a-job-of-its-own).

```text
{policies}
```
"""
PARTS = """\
## The files

Each is a reusable workflow of its own; none calls another. A part that only goes on with a run takes the `run-id` of
the call that began it, and leaves out the jobs in which that has done its work.

{files}
A caller must grant the union of what the jobs of a file name, or GitHub refuses the whole workflow when it starts:

{grants}
"""
TAIL = """\
## Who may run what

`plan` decides about trust before anything else runs, and every other job's condition reads its word. Code of a fork is
planned, built, checked and scanned, on GitHub's own machines alone and without a secret; it reaches no self-hosted
runner, no data and no store. On `pull_request_target` and `workflow_run`, which hand secrets to a fork's code, nothing
but plan runs for a fork. `promote` waits for the protection rules of the environment `mlops-promote`, and
[`deploy`](../deploy.md), which runs only for a new champion, for those of `mlops-deploy`.

When the verdict is `review` (or `[publish] approval` is set) promote itself ends waiting. Name an environment that has
**required reviewers** in the input `approve-environment`: the job `approve` then waits for one of them, moves the
champion and writes the page again, and `deploy-approved` [deploys](../deploy.md#in-ci) what was approved. `result`
waits for neither. Without that input nothing is approved here: `mlops-ci approve RUN` where the run lies, or not at
all. The environment is noted as who approved, since GitHub tells no job which reviewer it was.
`rollback.yml` has an environment of its own, `mlops-rollback`: [published models](../models.md#as-a-job).

## The comment on a pull request

The job `comment` of the example calls `comment.yml`, the only file whose token may write to a pull request. It reads
what the called file before it handed on (give both the same `artifact-prefix`), runs nothing of the pull request, and
never runs for a fork. Leave the job out where no comment is wanted. [What it says](../notifications.md).

## Alerts of code scanning

`code-scanning.yml` shows what the scan found as alerts, at the line of the requirements, lock or Dockerfile that
brought it in. A caller adds it as a job behind any call that scans, and gives it that call's output `report`. It is the
only file with `security-events: write`, and uploads by one pinned action: [an
example](../scanning.md#every-day-the-rescan).

## Who is told

`[notify]` names variables, and the job `result` fills these from secrets: `SLACK_WEBHOOK_URL`, `TEAMS_WEBHOOK_URL`,
`NOTIFY_WEBHOOK_URL`, `NOTIFY_WEBHOOK_KEY` and `NOTIFY_SMTP_URL`, as the one job of `decay.yml` does; in `nightly.yml`
also `MLOPS_CI_PING_URL`, which `plan` and `result` have. Hand on those that you use, by name:

```yaml
    secrets:
      slack-webhook-url: ${{ secrets.SLACK_WEBHOOK_URL }}
```

What was told is remembered in the object store: `result` reaches it by the same keys or role as the jobs before it.
Where that does not work it warns, and tells without a memory. For code of a fork none of this is filled. After an
approval `approve` and `deploy-approved` tell by the same secrets what became of it. `approve` may ask for no identity
and `deploy-approved` has one that only reads: where there are no keys but roles, what these told may be told again.

## One run over several jobs

Every job hands on its records and the files that they name as an artifact (`mlops-train-build-1`: prefix, file, job,
attempt). A later job takes the newest attempt of each, checks every file against its digest, and refuses a run that was
planned for another commit, configuration or engine. What the next job does not have it makes again from the same
content key: the image where there is no registry, the data by its digest.

A small workflow beside it starts failed jobs again when the machine or the network was at fault (the column *worth
another try after*), three times at most; a gate that said no and code that failed stay as they are. Its `workflows`
are the names of those whose runs it looks at.

```yaml title="examples/github/retry.yml"
RETRY```

*Re-run failed jobs* by hand goes on where it stopped: a training that left a checkpoint resumes from it. A
cancelled job leaves a record that says `cancelled`. Without `[tracking] uri` and `[publish] store` the embedded stores
travel with the run and end with it: there is no champion that a later run could know, so plan says so and promote is
skipped.

### Through the object store

Checkpoints and models may be more than the artifact service should carry eight times. With `handover = "store"` in a
profile ([below](#a-site-of-its-own)), or rendered with `--profile object-store`, each job puts what it made into the
store that `[publish] store` names, below `handover/RUN/`, and fetches from there what earlier jobs left:

- A file lies there once, under the digest of its content, whatever number of jobs and attempts hand it on; what a
  machine has already it does not fetch. Checkpoints, outputs and models are fetched by `train`, `evaluate` and
  `publish` alone.
- The manifest of an attempt is written last and never replaced. A job that was killed before it has handed on nothing,
  and the attempt before counts. What was cut off or changed in the store ends with exit code 4, what is gone with 2, a
  store that refuses with 3, one that cannot be reached with 10, which is worth another try.
- Every job needs an identity for that: `id-token: write`, which the caller must grant for all files, and the role
  `aws-role-handover`, which reads and writes below `handover/` and nothing else; `doctor` prints its policy once the
  caller names it. Instead of a role the secrets `aws-access-key-id` and `aws-secret-access-key` will do. Either is in
  the steps that hand on alone: neither the scanner nor your code gets it.
- Code of a fork has no identity, and hands on by artifacts as before. So does `result`, a few hundred kilobytes in
  which no model is: `comment.yml` and `retry.yml` read them, and need no identity.
- Nothing of ours deletes there. Let a lifecycle rule of the bucket end what is below `handover/` after the days in
  which you would run a failed job again.

`mlops-ci handover pull --run RUN` brings such a run to your own machine.

### Images

With the engine `docker`, images go to `ghcr.io/OWNER/REPOSITORY` unless `[image] registry` names another place, or the
input `registry` is empty: then every machine builds its own from the same key.

Where no registry can be reached at all, let no image travel: `images = "one-job"` in a profile, or rendered with
`--profile no-registry`. The job `train` of `train.yml`, `verify.yml` and `nightly.yml` then makes the images on the GPU
machine and does all that is done in them, up to `evaluate`, one step after the other; `timeout` is the limit of all of
it. A step has the secrets of its stages and no others, so that the scanner has none. `publish` and `promote` stay jobs
of their own, and nobody needs `packages: write`. Code of a fork is only planned: no hosted machine has a part of it.

### The database of the scanner

The job that scans has no secret, so it fetches the vulnerability database without a login. Where `[mirrors] trivy-db`
names a registry that asks for one, render with `database = "job"` in a profile: a job `database` logs in by the secrets
`database-username` and `database-password`, which are for nothing else, fetches it, and hands it on as an artifact that
the scan alone downloads. For code of a fork it has no login, and then the scan ends with exit code 4. `rescan.yml` has
the job too.

## A site of its own

`mlops-ci render github --profile site.toml` writes the files with your names. A profile holds the keys that differ:

```toml
extends = "enterprise"            # GitHub Enterprise Server: no hosted machines, its older artifact service
repository = "ml/mlops-ci"        # where your copy of this repository lies
ref = "v1"
gpu-runner = '["self-hosted", "h100"]'
mirror = "actions-mirror"         # the owner under which the actions are mirrored
handover = "store"                # through the object store, not by artifacts
images = "one-job"                # no registry: what needs the images shares the GPU job
database = "job"                  # the scanner's database asks for a login
```

Everything works from a copy under another name: the bundle installs itself from the very commit of the called file.
Where the server does not tell a called file where it comes from, the inputs `bundle-repository` and `bundle-ref` do.

Owners of runners: take a new machine for each job where you can, share no Docker socket with jobs of other
repositories, and bring the requirements along if you like: `MLOPS_CI_ENVIRONMENT` in the runner's environment names a
virtual environment made from `requirements/tool.lock`, which is used when it holds exactly the locked versions.
An organisation's [policy](../policy.md) stands there too (`MLOPS_CI_POLICY`, `MLOPS_CI_POLICY_SHA256`), where no
repository can replace it. What decides what may pass comes from the base commit in a pull request.

## What has been tried

All of this runs in this project's tests with [act](https://nektosact.com), with stand-ins for the checkout and artifact
actions that check the inputs they get; the way through the object store with a real S3 server and its keys, since act
gives no identity; the profile `enterprise` with `images = "one-job"`, on machines with its labels alone. **It has not
run on github.com or on a GitHub Enterprise Server yet.**
"""

MATRIX = """
`verify.yml` also has `nodes`, [a list of machines](../health-check.md#a-fleet): plan makes a matrix of it, and leaves
the job out, with the reason, when the list is empty. `build.yml` and `scan.yml` do their work for [several builds of
PyTorch](../images.md#several-builds-at-once) when `[image] variants` names some: plan makes that matrix too, and
`result` counts all of its cells.
"""


def page(profile: Profile, example: str, retry: str, said: Mapping[str, str]) -> str:
    """The page in Markdown; `example` and `retry` are texts of files that it shows, `said` what `doctor` says of
    another.
    """
    train = called_file("train")
    parts = [
        HEAD.format(example=example.rstrip()) + DOCTOR.format(**said),
        PARTS.format(files=_files(), grants=_grants()),
        "## Inputs\n\nOf `train.yml`; the others have the same where they make sense.\n\n" + _inputs(profile) + MATRIX,
        "## Secrets\n\nNone is required, and none is inherited.\n\n" + _secrets(train),
        "## Outputs\n\n" + _table(("output", "what"), [(f"`{one.name}`", one.about) for one in train.outputs]),
        "## Jobs\n\nOf `train.yml`. Every job may also read the repository (`contents: read`).\n\n" + _jobs(train.jobs),
        TAIL.replace("RETRY```", f"{retry}```"),
    ]
    return "\n".join(parts)


def _files() -> str:
    rows = [
        (f"`{file.name}.yml`", file.about, ", ".join(job.name for job in file.jobs), _continues(file))
        for file in all_files()
    ]
    return _table(("file", "for", "jobs", "`run-id`"), rows)


def _continues(file: CalledFile) -> str:
    return "required" if file.goes_on else "optional" if any(one.name == "run-id" for one in file.inputs) else "–"


def _grants() -> str:
    lines = [f"- `{file.name}.yml`: {_grant(file)}" for file in all_files()]
    for module in (comment_workflow, code_scanning_workflow):
        own = ", ".join(f"`{scope}: {access}` ({why})" for scope, (access, why) in module.PERMISSIONS.items())
        lines.append(f"- `{module.NAME}.yml`: {own}")
    return "\n".join(lines) + "\n"


def _grant(file: CalledFile) -> str:
    found = granted(file.jobs)
    return ", ".join(f"`{scope}: {access}` ({REASONS[scope, access]})" for scope, access in found.items())


def _inputs(profile: Profile) -> str:
    rows = []
    for one in inputs_of(called_file("train"), profile):
        default = (
            "–" if one.default == "" else f"`{str(one.default).lower() if one.kind == 'boolean' else one.default}`"
        )
        rows.append((f"`{one.name}`", one.kind, default, one.about))
    return _table(("input", "type", "default", "what"), rows)


def _secrets(file: CalledFile) -> str:
    reached = {
        name: [job.name for job in file.jobs if any(name == each[0] for each in _of(job, file))]
        for name, _, _ in secrets_of(file)
    }
    rows = [(f"`{name}`", about, ", ".join(reached[name])) for name, _, about in secrets_of(file)]
    return _table(("secret", "what", "reaches"), rows)


def _of(job: Job, file: CalledFile) -> Iterable[tuple[str, str, str]]:
    alone = CalledFile(
        name=file.name, title=file.title, about=file.about, jobs=(job,), inputs=file.inputs, outputs=file.outputs
    )
    return secrets_of(alone)


def _jobs(jobs: Iterable[Job]) -> str:
    rows = [
        (
            f"`{job.name}`",
            ", ".join(job.stages),
            job.runner,
            ", ".join(f"`{scope}: {access}`" for scope, access in job.permissions.items()) or "–",
            "yes" if job.untrusted else "no",
            ", ".join(map(str, job.retry)),
        )
        for job in jobs
    ]
    return _table(("job", "stages", "runner", "permissions", "for a fork's code", "worth another try after"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
