"""The page on GitLab CI: what to paste, and tables of what goes in and comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlops_ci.orchestrators.called import CalledFile, called_file
from mlops_ci.orchestrators.decay import all_files
from mlops_ci.orchestrators.gitlab.inputs import GitLabInput, inputs_of
from mlops_ci.orchestrators.gitlab.jobs import TOKEN, changing
from mlops_ci.orchestrators.gitlab.profile import GitLabProfile
from mlops_ci.orchestrators.gitlab.render import include_example
from mlops_ci.orchestrators.jobs import Job

HEAD = """\
# GitLab CI

`mlops-ci init --provider gitlab` writes a [`mlops.toml`](../your-repository.md) and a `.gitlab-ci.yml`, pinned to
where the tool came from, and says what is still to set; `--bundle GROUP/PROJECT@REF` names a copy. Where there is a
`.gitlab-ci.yml` already it prints the lines to add. Or copy this: it is the file `examples/gitlab/.gitlab-ci.yml`,
which this project's tests execute as it stands.

```yaml
{example}
```

`include: project` reaches projects of the same GitLab only: keep a copy of this repository there, as `{repository}` or
under a name of your own ([below](#a-site-of-its-own)). Then register runners with the tags that the inputs
`runner-plan`, `runner-cpu` and `runner-gpu` name, or name yours.

## What runs when

| pipeline of | jobs of `train.yml` | mode |
| --- | --- | --- |
| a merge request | all but {changing}: the run is a dry one | `pr` |
| the default branch, or one that a person or another pipeline started | all | `main` |
| a push to another branch | none; all with `on-branches: true` | `main` |
| a tag | none; all with `on-tags: true` | `main` |
| a schedule | none: that is what `nightly.yml` is for, and nothing else | `nightly` |
| a schedule with the variable `MLOPS_SCHEDULE`: `decay` | none: that is what `decay.yml` is for | `weekly` |
| a schedule with the variable `MLOPS_SCHEDULE`: `rescan` | none: that is what `rescan.yml` is for | `nightly` |
| a schedule with the variable `MLOPS_SCHEDULE`: `fleet` | none; those of `verify.yml`, once per node | `main` |
| a schedule with the variable `MLOPS_SCHEDULE`: `refresh` | none; those of `scan.yml`: fresh images, scanned | `main` |
| a merge request from a fork, in this project | one that says why nothing runs, and fails with 4 | – |

The modes apply while the input `mode` is `auto`; every other word is the overlay `[mode.NAME]` for all pipelines. The
jobs are in one stage (`stage`) and start as soon as what they need is there. The prefix of their names is an input too,
so that a file can be included twice.
"""
DOCTOR = """
## Checking it

`mlops-ci doctor --provider gitlab` reads `.gitlab-ci.yml` and the files that it includes of the repository itself,
before a push and without a network: inputs and their types, the release, stages, the configuration. It ends with exit
code 2 when something is to be corrected. For a file with three mistakes it says:

```text
{mistakes}
```

With a store on S3 it prints the policies of the role that `aws-role` names. The role replaces every key, and may do
what the tool asks for and no more:

```text
{policies}
```
"""
PARTS = """\
## The files

Each is a whole of its own, with the same first inputs; none includes another.

{files}
From GitLab 18.7 on the same files are CI/CD components, which know their own commit:

```yaml
{component}```
"""
TAIL = """\
## The tool in a job

Only YAML comes with an `include`. Each job fetches this repository from `bundle-url` at `bundle-ref`, by its own job
token, and runs `ci/gitlab/setup.py` of that checkout, which makes the tool's environment from the hash-pinned
`requirements/tool.lock`. `bundle-ref` is the release that the file belongs to; when you include another tag or commit
of it, name that there too. The job token must be allowed to read the repository: *Settings > CI/CD > Job token
permissions* of the copy.

The image needs Python 3.11 or newer with its `venv` module, and git. On a runner whose disk outlives its jobs set
`MLOPS_CI_CACHE` in the runner's environment: the tool's environment, images' environments and data then stay.
`MLOPS_CI_ENVIRONMENT` names a virtual environment that the image brings along, made from `requirements/tool.lock`; it
is used when it holds exactly the locked versions.

| executor | engine | needs |
| --- | --- | --- |
| shell, docker | `host` | nothing more |
| shell | `docker` | the docker client with buildx, and an engine |
| docker | `docker` | an image with both clients; `DOCKER_HOST` of an engine that sees the job's folder |
| to build, scan | `docker` | no engine: buildx, `[image] builder`, `registry` ([below](#images-without-an-engine)) |
| kubernetes | `inside` | an `image` that is the training image, named by its digest ([below](#kubernetes-executor)) |

### Kubernetes executor

A pod has no container engine, and giving it one would make it privileged. With the engine `inside` a job's container is
the image: every job of the pipeline runs in it, nothing is built, and your commands run with its own Python, the first
`python3` on its `PATH`.

```yaml
include:
  - project: {repository}
    ref: {release}
    file: ci/gitlab/train.yml
    inputs:
      engine: inside
      image: registry.example.com/ml/train@sha256:...   # PyTorch, Python 3.11 or newer with venv, git
      runner-plan: [kubernetes]
      runner-cpu: [kubernetes]
      runner-gpu: [kubernetes-gpu]
```

`mlops-ci render gitlab --profile kubernetes` writes files with these defaults; their image is the variable
`MLOPS_TRAIN_IMAGE` of the project.

- The image is known by its digest, from the input `image` or from `MLOPS_IMAGE_DIGEST`. A job in another image than the
  planned one ends with exit code 2. An image by its tag alone is a warning, and what is installed in it is its key.
- `build` builds nothing, and writes the SBOM of the running root file system.
- `scan` judges the packages of the system and of Python, and looks for secrets. Volumes, the repository, caches and the
  tool itself are left out. The image's configuration cannot be read from inside: that part is a SKIP with this reason.
- GPUs, memory, shared memory and network are the pod's, as the runner's `config.toml` says. A `[train] memory` that
  cannot be enforced there is said to be none.

### Images without an engine

Pods can build, scan and sign images too: with `[image] builder = "tcp://buildkitd.ci:1234"` (a BuildKit of the cluster,
rootless too) and `[image] registry` no job of `build.yml` and `scan.yml` needs an engine or the `docker` command, only
buildx in the `image` of the jobs. See [Images in use](../images-in-use.md#without-a-container-engine).

- `build.yml` with `engine: docker` builds and pushes. `[check] commands` run in the image that was built, which the pod
  of another image is not: leave them out there (`[mode.images.check] commands = []` and the input `mode: images`), and
  let `train.yml` run them.
- `train.yml` with `engine: inside` trains in the image around its jobs, which must be the one that was built: the input
  `image` is its name with its digest, from the output `images` or from `images.lock`. When something that it is made
  from has changed since, `build` makes the new one, and the first job that runs your code ends with exit code 2 and
  says which `image` to name.

## Credentials

None is an input. Set variables of the project, masked, protected, and where only promotion needs them in the scope of
the environment `mlops-champion`.

| for | variable |
| --- | --- |
| the image registry | none: the job's login for the project's own, where `[image] registry` names no other |
| the object store | `aws-role` (below), or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` |
| MLflow | `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` |
| [channels](../notifications.md) | the variables that `[notify]` names, for `result` and `approve` |
| the dead man's switch of a nightly | `MLOPS_CI_PING_URL` |
| the note of a merge request | `MLOPS_GITLAB_TOKEN`, a project access token (scope `api`), for `result` |

GitLab masks a value of one line without spaces, of 8 characters or more. A protected variable is there in pipelines of
protected branches only: the token for notes must not be protected, or merge requests do not have it.

An organisation's [policy](../policy.md) is named by the variables `MLOPS_CI_POLICY` and `MLOPS_CI_POLICY_SHA256` of the
group or the instance: they win over what a project's file sets. What decides what may pass comes from the base commit
in a merge request; a job fetches that commit where `GIT_DEPTH` does not reach it.

With `aws-role` the jobs {store}
get an identity token of GitLab for the audience `aws-audience` (`{token}`), and boto3 exchanges it for
the role. The role's trust policy names the server, the audience and the branch:

```json
{{
  "Version": "2012-10-17",
  "Statement": [{{
    "Effect": "Allow",
    "Principal": {{"Federated": "arn:aws:iam::ACCOUNT:oidc-provider/gitlab.example.com"}},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {{"StringEquals": {{
      "gitlab.example.com:aud": "https://gitlab.example.com",
      "gitlab.example.com:sub": "project_path:GROUP/PROJECT:ref_type:branch:ref:main"
    }}}}
  }}]
}}
```

**Forks.** The rules above keep a fork's code from every job of ours. But the pipeline of a merge request is the one
that its own `.gitlab-ci.yml` describes, and GitLab runs it in this project once a member starts it. What really keeps a
fork out is yours to set: protect the GPU runner (*Runners > Protected*) and the variables, and start no pipeline for
code that you have not read.

## One run over several jobs

Each job hands on its records and the files that they name as an artifact, `.mlops/handover/JOB-ID`, also when it fails.
A later job takes the newest try of each, checks every file against its digest, and refuses a run that was planned for
another commit, configuration or engine. What it does not have it makes again from the same content key: the image where
there is no registry, the data by its digest.

GitLab tries a job again by itself after the exit codes in the table, and after a lost runner, at most twice. The job
that trains keeps its run in a cache under the pipeline's number, from which its next try resumes. Without
`[tracking] uri` and `[publish] store` the embedded stores travel with the run and end with it: there is no champion
that a later run could know, so plan says so and promote is skipped.

### Through the object store

With `handover = "store"` in a profile ([below](#a-site-of-its-own)), or rendered with `--profile object-store`, jobs
hand the run on through the store that `[publish] store` names, below `handover/RUN/`: a file once under the digest of
its content, the manifest of each try last. What a machine has already is not fetched, models only by the jobs that read
them, and artifacts hold nothing but what people look at. What was changed in the store ends with exit code 4, what is
gone with 2, a store that refuses with 3, one that cannot be reached with 10, which GitLab tries again.

Every job gets an identity token of its own for that (`MLOPS_CI_HANDOVER_TOKEN`), exchanged for the role that the input
`aws-role-handover` names, which may read and write below `handover/` and nothing else; `doctor` prints its policy once
the include names it. Without that role jobs use what else they have: `aws-role` where they have it, or the project's
variables. Let a lifecycle rule of the bucket end what is below `handover/` after the days in which you would run a job
again.

### Without a registry

Where neither the project's own registry nor another can be reached, let no image travel: `images = "one-job"` in a
profile, or rendered with `--profile no-registry`. The job `train` then makes the images on the GPU machine and does all
that is done in them, up to `evaluate`; `timeout` is the limit of all of it, and `runner-evaluate`
names no machine. `publish`, `promote` and `publish.yml` go on with it as usual.

### The database of the scanner

Where `[mirrors] trivy-db` names a registry that asks for a login, render with `database = "job"` in a profile: a job
`database` fetches it and hands it to the job that scans, which needs no login. Set the variables
`MLOPS_CI_DATABASE_USERNAME` and `MLOPS_CI_DATABASE_PASSWORD` with the scope of the environment `mlops-database`: GitLab
then gives them to that job alone. `rescan.yml` has the job too.

### What runs

Which jobs there are is decided before `plan` runs. A stage that plan leaves out (nothing is new, a dry run) is noted as
skipped by its job, which starts and ends at once.

## Approval

When a promotion waits for a person (verdict `review`, or `[publish] approval`), start the manual job `mlops-approve`:
who starts it is noted as who approved. It and `promote` belong to the environment `mlops-champion` (input
`environment`): protect it to say who may. Both hold the resource group `mlops-ci-promotion`, so that one promotion runs
at a time in the project. With [`[deploy]`](../deploy.md#in-ci) the approved model is deployed in that job; where
none is asked for, the job `deploy` does it, in the environment `mlops-deploy` (input `deploy-environment`). Jobs of
yours that need `mlops-approve` find `MLOPS_RESULT_PROMOTED` and `MLOPS_RESULT_DEPLOYED`.

## What GitLab shows

The job `mlops-result` counts up the others and ends with the exit code of the first that failed. Its artifact holds
the page (`report.html`, shown in the merge request as *mlops-ci*) and the summary, and it reports:

| report | content |
| --- | --- |
| `junit` | stages, parts of the scan, checks of the node, gates |
| `codequality` | what is wrong at a line of your code: a key of the configuration, secrets and Dockerfiles that the \
scan found, what `[check]` commands and failed jobs said of it |
| `metrics` | metrics of the model, findings by severity, sizes |
| `annotations` | links to the page and to MLflow |
| `cyclonedx` | the SBOMs of the images |
| `container_scanning` | the vulnerabilities that the scan found, for GitLab's [vulnerability report](../scanning.md) |
| `dotenv` | `MLOPS_RESULT_...` for jobs of yours that need `mlops-result`: {outputs} |

## A site of its own

`mlops-ci render gitlab --profile site.toml` writes the files with your names. A profile holds the keys that differ:

```toml
extends = "self-managed"          # no hosted runners, images through the dependency proxy
repository = "ml/mlops-ci"        # where your copy of this repository lies
gpu-tags = ["h100"]
handover = "store"                # through the object store, not by artifacts
images = "one-job"                # no registry: what needs the images shares the GPU job
database = "job"                  # the scanner's database asks for a login
```

| profile | for |
| --- | --- |
{profiles}

## What has been tried

All of this runs in this project's tests with [gitlab-ci-local](https://github.com/firecow/gitlab-ci-local) in isolated
jobs on its shell executor, the profile `kubernetes` in containers of the image that its jobs name, and every file is
checked against GitLab's own schema. It executes neither `retry`, `timeout`, `resource_group` nor `interruptible`: for
these the tests look at the rendered files. It makes out no identity tokens: there a variable is the token, and a
stand-in answers as AWS does. **It has not run on a GitLab server or on Kubernetes yet.**
"""


def page(profile: GitLabProfile, example: str, said: Mapping[str, str]) -> str:
    """The page in Markdown; `example` is the text of the file that it shows, `said` what `doctor` says of another."""
    train = called_file("train")
    inputs = inputs_of(train, profile, component=False)
    *first, last = (f"`{job.name}`" for job in train.jobs if changing(job))
    names = f"{', '.join(first)} and {last}"
    results = [one.name.upper().replace("-", "_") for one in train.outputs if one.job == "result"]
    parts = [
        HEAD.format(example=example.rstrip(), repository=profile.repository, changing=names) + DOCTOR.format(**said),
        PARTS.format(files=_files(profile), component=include_example(train, profile, component=True)),
        f"## Inputs\n\nOf `train.yml`; the others have the same where they make sense.\n\n{_inputs(inputs)}",
        f"## Jobs\n\nOf `train.yml`.\n\n{_jobs(train.jobs)}",
        TAIL.format(
            repository=profile.repository,
            release=profile.tag,
            store=", ".join(f"`{job.name}`" for job in train.jobs if "store" in job.secrets),
            token=TOKEN,
            outputs=", ".join(f"`{name}`" for name in results),
            profiles=PROFILES,
        ),
    ]
    return "\n".join(parts)


PROFILES = """\
| `default` | GitLab.com, or an instance that holds a copy of the bundle under the same name |
| `object-store` | the same, with jobs that hand the run on through the object store |
| `no-registry` | the same, where no registry can be reached: what needs the images shares the GPU job |
| `self-managed` | an instance of your own, perhaps older than 18.7: no components |
| `kubernetes` | the same, with runners of the Kubernetes executor: the engine `inside` in the training image |"""


def _files(profile: GitLabProfile) -> str:
    rows = [
        (f"`ci/gitlab/{file.name}.yml`", file.about, ", ".join(job.name for job in file.jobs), _required(file, profile))
        for file in all_files()
    ]
    return _table(("file", "for", "jobs", "required inputs"), rows)


def _required(file: CalledFile, profile: GitLabProfile) -> str:
    names = [one.name for one in inputs_of(file, profile, component=False) if one.default is None]
    return ", ".join(f"`{name}`" for name in names) or "–"


def _inputs(inputs: Iterable[GitLabInput]) -> str:
    return _table(
        ("input", "type", "default", "what"), [(f"`{one.name}`", one.kind, _default(one), one.about) for one in inputs]
    )


def _default(one: GitLabInput) -> str:
    if isinstance(one.default, tuple):
        return f"`[{', '.join(one.default)}]`"
    if isinstance(one.default, bool):
        return f"`{str(one.default).lower()}`"
    return "–" if one.default == "" else f"`{one.default}`"


def _jobs(jobs: Iterable[Job]) -> str:
    rows = [
        (
            f"`{job.name}`",
            ", ".join(job.stages),
            f"`runner-{job.machine}`",
            f"{job.minutes} min" if job.minutes is not None else "`timeout`",
            "yes" if "store" in job.secrets else "no",
            "–" if job.always else ", ".join(map(str, job.retry)),
        )
        for job in jobs
    ]
    return _table(("job", "stages", "runner", "limit", "identity token", "tried again after"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
