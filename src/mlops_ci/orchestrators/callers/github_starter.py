"""The workflows that a new user of GitHub begins with: what calls `train.yml`, the nights, and the weekly look."""

from __future__ import annotations

from mlops_ci.orchestrators.callers.bundle import Bundle
from mlops_ci.orchestrators.callers.github_interface import grant_lines, interfaces
from mlops_ci.orchestrators.yaml_text import scalar

FOLDER = ".github/workflows"
TRAIN, NIGHTLY, DECAY = (f"{FOLDER}/mlops{name}.yml" for name in ("", "-nightly", "-decay"))
SCHEDULE, WEEKLY = "17 2 * * *", "17 6 * * 1"

TRAIN_TEXT = """\
# Written by `mlops-ci init`, and yours to change; `mlops-ci doctor --provider github` checks it.
name: mlops
on:
  push:
    branches: [{branch}]
  pull_request:
permissions: {{}}
# A newer push replaces one that waits. Nothing is cancelled: a run that publishes must not be interrupted.
concurrency:
  group: mlops-${{{{ github.ref }}}}
jobs:
  # Of a pull request, when the pipeline has ended: one comment that says how, kept up to date.
  comment:
    name: comment
    needs: [mlops]
    if: ${{{{ !cancelled() && github.event_name == 'pull_request' }}}}
{comment_permissions}
    uses: {comment_uses}
    with:
{config}      bundle-repository: ${{{{ vars.MLOPS_CI_BUNDLE_REPOSITORY }}}}
      bundle-ref: ${{{{ vars.MLOPS_CI_BUNDLE_REF }}}}
  mlops:
    name: mlops
    # What the jobs of the called file need together: with less GitHub refuses the workflow when it starts.
{permissions}
    uses: {uses}
    with:
{config}      mode: ${{{{ github.event_name == 'pull_request' && 'pr' || 'main' }}}}
{common}"""

NIGHTLY_TEXT = """\
# Written by `mlops-ci init`, and yours to change; `mlops-ci doctor --provider github` checks it.
# Trains anew when data, code, image or base are new, and compares the result with the champion. Start it by hand, or
# every night: take the `#` away from the schedule, and write the same into mlops.toml, [nightly] schedule.
name: mlops nightly
on:
  workflow_dispatch:
#  schedule:
#    - cron: '{schedule}' # UTC
permissions: {{}}
concurrency:
  group: mlops-nightly
jobs:
  mlops:
    name: mlops
{permissions}
    uses: {uses}
    with:
{config}{common}"""

DECAY_TEXT = """\
# Written by `mlops-ci init`, and yours to change; `mlops-ci doctor --provider github` checks it.
# Scores the champion on today's data, and is red when it has become worse: [evaluate] command and metric, [tracking]
# uri and [publish] store must be set. It trains, publishes and moves nothing. Start it by hand, or once a week: take
# the `#` away from the schedule, and write the same into mlops.toml, [mode.weekly.nightly] schedule.
name: mlops decay
on:
  workflow_dispatch:
#  schedule:
#    - cron: '{schedule}' # UTC, Mondays
permissions: {{}}
concurrency:
  group: mlops-decay
jobs:
  mlops:
    name: mlops
{permissions}
    uses: {uses}
    with:
{config}      engine: ${{{{ vars.MLOPS_CI_ENGINE || 'docker' }}}} # host: without a container engine
      runner-evaluate: ${{{{ vars.MLOPS_CI_RUNNER_EVALUATE }}}} # a label, or a JSON list; empty: a hosted machine
      aws-role: ${{{{ vars.MLOPS_CI_AWS_ROLE }}}} # who reads the champion, and leaves the schedule's stamps
      # Only where the server does not tell a called file where it comes from (GitHub Enterprise Server, act).
      bundle-repository: ${{{{ vars.MLOPS_CI_BUNDLE_REPOSITORY }}}}
      bundle-ref: ${{{{ vars.MLOPS_CI_BUNDLE_REF }}}}
    # secrets:
    #   mlflow-token: ${{{{ secrets.MLFLOW_TOKEN }}}} # of the server in [tracking] uri
"""

COMMON = """\
      # Variables of the repository: Settings > Secrets and variables > Actions > Variables.
      engine: ${{ vars.MLOPS_CI_ENGINE || 'docker' }} # host: without a container engine
      runner-gpu: ${{ vars.MLOPS_CI_RUNNER_GPU }} # a label, or a JSON list of labels
      aws-role: ${{ vars.MLOPS_CI_AWS_ROLE }} # who publishes to S3: `mlops-ci doctor` prints the roles' policies
      aws-role-read: ${{ vars.MLOPS_CI_AWS_ROLE_READ }} # who reads data and the champion there
      # Only where the server does not tell a called file where it comes from (GitHub Enterprise Server, act).
      bundle-repository: ${{ vars.MLOPS_CI_BUNDLE_REPOSITORY }}
      bundle-ref: ${{ vars.MLOPS_CI_BUNDLE_REF }}
    # secrets:
    #   mlflow-token: ${{ secrets.MLFLOW_TOKEN }} # of the server in [tracking] uri
"""

NEXT = (
    "under Settings > Secrets and variables > Actions > Variables:",
    "  MLOPS_CI_RUNNER_GPU  the label of your GPU runner (else [runners] gpu of mlops.toml decides)",
    "  MLOPS_CI_ENGINE      `host` where runners have no container engine",
    "  MLOPS_CI_AWS_ROLE, MLOPS_CI_AWS_ROLE_READ  the roles that publish and that read, for a store on S3",
    "  MLOPS_CI_RUNNER_EVALUATE  the label of a runner that scores the champion once a week (else a hosted one)",
    "no registry at all? let the bundle be rendered with `--profile no-registry`: images then stay on the GPU machine",
    "in mlops.toml: [publish] store = 's3://BUCKET/PREFIX' and [tracking] uri, or there is no champion between runs",
    "under Settings > Environments: mlops-promote, with the branches (and people) that may let a model become champion",
    "in the branch protection: require `mlops / result`, and no other job",
)


def files(bundle: Bundle, *, branch: str, config: str = "") -> dict[str, str]:
    """Path in the repository to text; `config` is the path of a configuration that is not at the top."""
    named = f"      config: {scalar(config)}\n" if config else ""
    return {
        TRAIN: _text(TRAIN_TEXT, bundle, "train", branch=scalar(branch), config=named),
        NIGHTLY: _text(NIGHTLY_TEXT, bundle, "nightly", schedule=SCHEDULE, config=named),
        DECAY: _text(DECAY_TEXT, bundle, "decay", schedule=WEEKLY, config=named),
    }


def _text(text: str, bundle: Bundle, file: str, **values: str) -> str:
    return text.format(
        permissions=_permissions(file),
        uses=_uses(bundle, file),
        comment_permissions=_permissions("comment"),
        comment_uses=_uses(bundle, "comment"),
        common=COMMON,
        **values,
    )


def _permissions(file: str) -> str:
    return "\n".join(f"    {line}" for line in grant_lines(interfaces()[file].grant))


def _uses(bundle: Bundle, file: str) -> str:
    return f"{bundle.repository}/{FOLDER}/{file}.yml@{bundle.ref}{bundle.remark}"
