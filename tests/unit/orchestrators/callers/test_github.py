"""Every mistake in a caller's workflow, with its line and what to write instead; all of them at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops_ci.orchestrators.callers.github_interface import interfaces
from mlops_ci.orchestrators.callers.review import Review
from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.render import render

from .conftest import WORKFLOW, Only, Repository, line_of

DECAY = ".github/workflows/mlops-decay.yml"
HERE = "    uses: org/mlops-ci/.github/workflows/train.yml@v0.1.0"
WITH = "      mode: ${{ github.event_name == 'pull_request' && 'pr' || 'main' }}\n"
ABOVE = "    with:\n"
GRANT = "      packages: write # to push the images that it built\n"


def test_without_a_registry_the_profile_for_that_is_named(repository: Repository):
    repository.spoil(WORKFLOW, WITH, WITH + "      registry: ''\n")
    found = repository.github().findings
    assert [(one.level, "--profile no-registry" in one.fix) for one in found] == [("advice", True)]


def test_a_login_for_the_database_is_known_where_a_bundle_has_the_job_for_it(repository: Repository):
    secrets = "    secrets:\n      database-password: ${{ secrets.DATABASE_PASSWORD }}\n"
    repository.write(WORKFLOW, (repository.root / WORKFLOW).read_text().rstrip() + "\n" + secrets)
    assert not [one for one in repository.github().findings if "database" in one.message]


def test_all_files_that_can_be_called_are_known():
    rendered = {Path(path).stem for path in render(load_profile("default")) if path.startswith(".github/workflows/")}
    assert set(interfaces()) == rendered


@pytest.mark.parametrize(
    ("old", "new", "words", "fix"),
    [
        # the called file
        ("train.yml@", "trian.yml@", "which the bundle has not; did you mean `train`?", "train.yml"),
        ("workflows/train.yml@", "train.yml@", "which the bundle has not", "train.yml"),
        ("@v0.1.0", "", "names no release", "behind train.yml"),
        ("@v0.1.0", "@${{inputs.ref}}", "takes no expression", "@v0.1.0"),
        # inputs
        (
            WITH,
            WITH + "      runner-gpus: gpu\n",
            "no input `runner-gpus`; did you mean `runner-gpu`?",
            "it has config",
        ),
        (WITH, WITH + "      dry-run: 'true'\n", "`dry-run` is the text 'true', and must be true or false", "without"),
        (
            WITH,
            WITH + "      dry-run: yes\n",
            "`dry-run` is the text 'yes', and must be true or false",
            "true or false",
        ),
        (WITH, WITH + "      timeout: 6h\n", "`timeout` is the text '6h', and must be a number", "write a number"),
        (WITH, WITH + "      timeout: '60'\n", "`timeout` is the text '60', and must be a number", "write 60 without"),
        (WITH, WITH + "      timeout: true\n", "`timeout` is the switch `true`, and must be a number", "number"),
        (WITH, WITH + "      timeout: 6${{ 1 }}\n", "`timeout` is the text", "write a number"),
        (WITH, WITH + "      variant: 128\n", "`variant` is the number 128, and must be a text", "quotes around it"),
        (WITH, WITH + "      variant: [cpu]\n", "`variant` is a list, and must be a text", "write a text"),
        (WITH, WITH + "      runner-cpu: '[\"a\"'\n", "`runner-cpu` begins like a JSON list and is none", "JSON list"),
        (WITH, WITH + "      runner-cpu: '[]'\n", "`runner-cpu` is", "JSON list"),
        (WITH, WITH + "      runner-cpu: '[\"\"]'\n", "`runner-cpu` is", "JSON list"),
        (WITH, WITH + "      runner-cpu: '[1]'\n", "`runner-cpu` is", "JSON list"),
        (WITH, WITH + "      runner-cpu: '  '\n", "`runner-cpu` is", "one label"),
        (WITH, WITH + "      runner-cpu: '{}'\n", "`runner-cpu` is", "one label"),
        (WITH, "      mode: nihgtly\n", "nihgtly: unknown mode", "explained"),
        (WITH, WITH + "      config: models/mlops.toml\n", "there is no such file", "from the root"),
        (WITH, WITH + f"      config: {'x' * 5000}\n", "there is no such file", "from the root"),
        (WITH, WITH + "      settings: train.paramz=1\n", "`settings`: [train] paramz: unknown key", "per line"),
        # secrets
        (
            ABOVE,
            "    secrets: inherit\n" + ABOVE,
            "`secrets: inherit` hands over every secret",
            "mlflow-token: ${{ secrets",
        ),
        (
            ABOVE,
            "    secrets:\n      mlflow-tokn: x\n" + ABOVE,
            "no secret `mlflow-tokn`; did you mean",
            "mlflow-token",
        ),
        (
            ABOVE,
            "    secrets:\n      mlflow-token: abc\n" + ABOVE,
            "`mlflow-token` stands in the file itself",
            "MLFLOW_TOKEN",
        ),
        # permissions
        (GRANT, "", "grants too little for train.yml: `packages: write` missing", "packages: write"),
        (GRANT, "      packages: read\n", "`packages: write` missing", "packages: write"),
        (GRANT, "      package: write\n", "`packages: write` missing; did you mean `packages`?", "packages: write"),
        (GRANT, "      packages: wirte\n", "`packages` is none of none, read, write", "packages: write"),
        # the job
        (ABOVE, "    runs-on: gpu\n" + ABOVE, "`runs-on` is not allowed", "runner-gpu are inputs"),
        (ABOVE, "    timeout-minutes: 5\n" + ABOVE, "`timeout-minutes` is not allowed", "`timeout` is an input"),
        (ABOVE, "    env:\n      A: b\n" + ABOVE, "`env` is not allowed", "settings: table.key=value"),
        (ABOVE, "    steps: []\n" + ABOVE, "`steps` is not allowed", "take it out"),
        # the file
        (
            "permissions: {}\n",
            "permissions: {}\npermissions: {}\n",
            "`permissions` stands here a second time",
            "keep one",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_place(repository: Repository, old, new, words, fix):
    repository.spoil(WORKFLOW, old, new)
    review = repository.github()
    assert review.refused
    found = [one for one in review.findings if words in one.message]
    assert found, review.findings
    assert found[0].level == "error"
    assert fix in found[0].fix
    assert found[0].file == WORKFLOW
    assert place_of(words, new) in (repository.root / WORKFLOW).read_text().splitlines()[found[0].line - 1]


def place_of(words: str, new: str) -> str:
    """What the line of the finding must show: the grant, the key that the message names, or the call."""
    if "missing" in words:
        return "permissions:"
    named = re.search(r"`([a-z-]+)[`:]", words)
    keys = [key for key in re.findall(r"^ +([a-z-]+):", new, re.MULTILINE) if key not in ("with", "mode", "secrets")]
    return named[1] if named and named[1] in new else keys[-1] if keys else "mode:" if "mode" in words else "uses:"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("@v0.1.0", "@main", "looks like a branch"),
        (GRANT, GRANT + "      contents: write\n", "second time"),
        ("      contents: read", "      contents: write", "grants more than train.yml needs: `contents: write`"),
        (GRANT, GRANT + "      issues: read\n", "grants more than train.yml needs: `issues: read`"),
        ("  pull_request:\n", "  pull_request_target:\n", "hands the repository's secrets to a fork's code"),
        ("  group: mlops-${{ github.ref }}\n", "  group: x\n  cancel-in-progress: true\n", "interrupts train.yml"),
        (WITH, WITH + "      runner-cpu: ''\n", "`runner-cpu` is empty: [runners] cpu"),
        (WITH, WITH + "      runner-cpu:\n", "`runner-cpu` is empty: [runners] cpu"),
    ],
)
def test_what_may_be_wrong_is_told(repository: Repository, old, new, words):
    repository.spoil(WORKFLOW, old, new)
    assert any(words in one.message for one in repository.github().findings)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (WITH, WITH + '      dry-run: true\n      timeout: 60\n      runner-cpu: \'["self-hosted", "cpu"]\'\n'),
        (
            WITH,
            WITH
            + "      dry-run: ${{ github.event_name == 'pull_request' }}\n      timeout: ${{ fromJSON(vars.T) }}\n",
        ),
        (WITH, WITH + "      settings: |\n        train.timeout=1h\n        train.gpus=0\n"),
        (WITH, WITH + "      config: ''\n      variant:\n"),
        (ABOVE, "    secrets:\n      mlflow-token: ${{ secrets.T }}\n" + ABOVE),
        (ABOVE, "    secrets:\n" + ABOVE),
        (GRANT, "      packages: write\n"),
        ("  group: mlops-${{ github.ref }}\n", "  group: x\n  cancel-in-progress: ${{ github.event_name == 'x' }}\n"),
        ("@v0.1.0", "@v1"),
        ("@v0.1.0", "@" + "a1" * 20),
    ],
)
def test_what_is_right_is_not_told(repository: Repository, old, new):
    repository.spoil(WORKFLOW, old, new)
    assert repository.github().findings == ()


def test_everything_is_told_at_once_in_the_order_of_the_lines(repository: Repository):
    repository.spoil(WORKFLOW, WITH, WITH + "      dry-run: 'no'\n      tiemout: 5\n")
    repository.spoil(WORKFLOW, ABOVE, "    secrets: inherit\n" + ABOVE)
    repository.spoil(WORKFLOW, "@v0.1.0", "@main")
    repository.spoil(WORKFLOW, GRANT, "")
    found = repository.github().findings
    assert [one.line for one in found] == sorted(one.line for one in found)
    assert [one.level for one in found] == ["error", "warning", "error", "error", "error"]


@pytest.mark.parametrize(
    ("top", "job", "level", "words"),
    [
        ("", "", "error", "grants nothing by itself"),
        ("permissions: write-all\n", "", None, ""),
        ("permissions: read-all\n", "", "error", "`id-token: write`, `packages: write` missing"),
        ("permissions: {contents: read, packages: write, id-token: write}\n", "", None, ""),
        (
            "permissions: {contents: read, packages: write, id-token: write}\n",
            "    permissions: {}\n",
            "error",
            "`contents",
        ),
        ("permissions: {}\n", "    permissions: write-all\n", "warning", "grants more than train.yml needs: write-all"),
        ("permissions: {}\n", "    permissions: all\n", "error", "`permissions` is 'all'"),
    ],
)
def test_who_says_what_is_granted(empty: Repository, top, job, level, words):
    head = "on: push\nconcurrency:\n  group: x\n"
    empty.write(WORKFLOW, f"{head}{top}jobs:\n  a:\n{HERE}\n{job}")
    found = empty.github().findings
    if level is None:
        assert found == ()
    else:
        assert [(one.level, words in one.message) for one in found] == [(level, True)]


def test_the_lines_to_paste_are_those_of_the_called_file(empty: Repository, only: Only):
    empty.write(
        WORKFLOW, f"on: push\njobs:\n  a:\n{HERE.replace('train', 'scan')}\n    permissions: {{contents: read}}\n"
    )
    assert only(empty.github()).fix == (
        "permissions:\n"
        "  contents: read # to check the repository out\n"
        "  packages: write # to push the images that it built"
    )


def test_a_file_that_goes_on_needs_the_run_that_it_goes_on_with(empty: Repository, only: Only):
    grant = "    permissions: {contents: read, packages: write, id-token: write}\n"
    head = "on: push\nconcurrency: {group: x}\njobs:\n  a:\n" + HERE.replace("train", "publish") + "\n" + grant
    empty.write(WORKFLOW, head)
    found = only(empty.github())
    assert "publish.yml requires the input `run-id`" in found.message
    assert "run-id: ${{ needs.JOB.outputs.run-id }}" in found.fix
    empty.write(WORKFLOW, f"{head}    with:\n      run-id: ${{{{ needs.b.outputs.run-id }}}}\n")
    assert empty.github().findings == ()


def test_two_runs_in_one_workflow_have_names_of_their_own(repository: Repository, only: Only):
    text = (repository.root / WORKFLOW).read_text()
    second = text[text.index("  mlops:\n") :].replace("  mlops:\n", "  second:\n", 1)
    repository.write(WORKFLOW, text + second)
    found = only(repository.github())
    assert "`mlops` and `second` both begin a run" in found.message
    repository.write(WORKFLOW, text + second.replace(WITH, WITH + f"      {found.fix}\n"))
    assert repository.github().findings == ()


def test_two_looks_at_a_champion_have_names_of_their_own(repository: Repository, only: Only):
    text = (repository.root / DECAY).read_text()
    second = text[text.index("  mlops:\n") :].replace("  mlops:\n", "  second:\n", 1)
    repository.write(DECAY, text + second)
    found = only(repository.github())
    assert "`mlops` and `second` both score the champion" in found.message
    repository.write(DECAY, text + second.replace("    with:\n", f"    with:\n      {found.fix}\n"))
    assert repository.github().findings == ()


def test_training_and_the_look_at_the_champion_have_no_artifact_in_common(repository: Repository):
    weekly = (repository.root / DECAY).read_text()
    call = weekly[weekly.index("  mlops:\n") :].replace("  mlops:\n", "  weekly:\n", 1)
    repository.write(WORKFLOW, (repository.root / WORKFLOW).read_text() + call)
    assert repository.github().findings == ()


def test_cells_of_a_matrix_have_names_of_their_own(repository: Repository, only: Only):
    repository.spoil(WORKFLOW, HERE, "    strategy:\n      matrix:\n        variant: [cpu, cu128]\n" + HERE)
    assert "cells of the matrix" in only(repository.github()).message
    repository.spoil(WORKFLOW, WITH, WITH + "      artifact-prefix: mlops-${{ matrix.variant }}-\n")
    assert repository.github().findings == ()


def test_a_matrix_that_is_or_may_become_empty_is_told(repository: Repository, only: Only):
    repository.spoil(WORKFLOW, WITH, WITH + "      artifact-prefix: mlops-${{ matrix.variant }}-\n")
    repository.spoil(WORKFLOW, HERE, "    strategy:\n      matrix:\n        variant: []\n" + HERE)
    assert "`variant` of the matrix is empty" in only(repository.github()).message
    assert repository.github().refused
    repository.spoil(WORKFLOW, "variant: []", "variant: ${{ fromJSON(needs.cells.outputs.variants) }}")
    found = only(repository.github())
    assert (found.level, found.fix) == ("advice", "if: ${{ needs.JOB.outputs.NAME != '[]' }}")
    repository.spoil(
        WORKFLOW, "    strategy:\n", "    if: ${{ needs.cells.outputs.variants != '[]' }}\n    strategy:\n"
    )
    assert repository.github().findings == ()


def test_retry_is_called_with_its_own_grant(empty: Repository):
    example = (Path(__file__).parents[4] / "examples" / "github" / "retry.yml").read_text()
    empty.write(".github/workflows/retry.yml", example)
    assert empty.github().findings == ()
    empty.spoil(".github/workflows/retry.yml", "attempts: 3", "attempts: three")
    assert empty.github().refused


def test_without_concurrency_there_is_advice(repository: Repository, only: Only):
    repository.spoil(WORKFLOW, "concurrency:\n  group: mlops-${{ github.ref }}\n", "")
    found = only(repository.github())
    assert found.level == "advice"
    assert found.fix.startswith("concurrency:\n")
    assert not repository.github().refused


def test_another_release_is_checked_and_said(repository: Repository, only: Only):
    repository.spoil(WORKFLOW, "@v0.1.0", "@v7.1.0")
    assert "it calls v7.1.0; what follows was checked for v0.1.0" in only(repository.github()).message


def test_a_step_cannot_call_a_workflow(empty: Repository, only: Only):
    empty.write(WORKFLOW, f"on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - {HERE.strip()}\n")
    found = only(empty.github())
    assert (found.line, "a step cannot call a workflow" in found.message) == (6, True)


@pytest.mark.parametrize(
    "text", ["", "[]", "jobs: 5", "jobs:\n  a: text\n", "jobs:\n  a:\n    uses: [x]\n", "- a\n- b\n"]
)
def test_workflows_of_others_are_no_business_of_ours(repository: Repository, text):
    repository.write(".github/workflows/other.yml", text)
    assert repository.github().findings == ()


def test_workflows_that_cannot_be_read_are_told(repository: Repository):
    repository.write(".github/workflows/a.yaml", "on: [push\n")
    (repository.root / ".github" / "workflows" / "b.yml").write_bytes(b"\xff\xfe")
    found = repository.github().findings
    assert [(one.file, one.level) for one in found] == [
        (".github/workflows/a.yaml", "error"),
        (".github/workflows/b.yml", "error"),
    ]


def test_a_repository_that_calls_nothing_is_told_what_to_do(empty: Repository, only: Only):
    found = only(empty.github())
    assert "no workflow calls the bundle" in found.message
    assert (found.file, found.line) == (".github/workflows", 0), "of a file that is not there no line is named"
    assert "mlops-ci init --provider github" in found.fix


def test_a_copy_in_the_repository_itself_is_known_by_its_head(empty: Repository):
    root = Path(__file__).parents[4]
    empty.write(".github/workflows/train.yml", (root / ".github" / "workflows" / "train.yml").read_text())
    empty.write(
        WORKFLOW, "on: push\njobs:\n  a:\n    uses: ./.github/workflows/train.yml\n    with: {dry-run: maybe}\n"
    )
    assert any("`dry-run`" in one.message for one in empty.github().findings)


def configured(repository: Repository, text: str) -> Review:
    repository.write("mlops.toml", (repository.root / "mlops.toml").read_text() + text)
    return repository.github()


def test_the_configuration_is_read_as_the_jobs_will(repository: Repository, only: Only):
    found = only(configured(repository, "\n[evaluate]\nmargn = 1\n"))
    assert (found.file, found.line) == ("mlops.toml", line_of(repository.root, "mlops.toml", "margn"))


def test_no_configuration_at_all(repository: Repository):
    (repository.root / "mlops.toml").unlink()
    assert any("mlops-ci init" in one.fix for one in repository.github().findings)
    assert repository.github().refused


def test_a_store_on_s3_gives_policies_for_it_alone(repository: Repository):
    review = configured(repository, '\n[publish]\nstore = "s3://models/team"\n')
    assert review.policies is not None
    (trust,) = review.policies.trust["Statement"]
    provider = "token.actions.githubusercontent.com"
    assert trust["Condition"]["StringEquals"] == {
        f"{provider}:aud": "sts.amazonaws.com",
        f"{provider}:sub": "repo:team/model:ref:refs/heads/main",
    }
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::ACCOUNT:oidc-provider/{provider}"}
    objects, bucket = review.policies.permissions["Statement"]
    assert objects["Resource"] == "arn:aws:s3:::models/team/*"
    assert bucket["Resource"] == "arn:aws:s3:::models"
    assert not any("*" in action for action in objects["Action"] + bucket["Action"])


def test_the_account_and_the_partition_are_those_of_the_role(repository: Repository):
    role = "arn:aws-cn:iam::123456789012:role/mlops"
    repository.spoil(WORKFLOW, "aws-role: ${{ vars.MLOPS_CI_AWS_ROLE }}", f"aws-role: {role}")
    review = configured(repository, '\n[mode.main.publish]\nstore = "s3://models"\n[data]\nsource = "s3://data/a/"\n')
    assert review.policies is not None
    assert review.policies.trust["Statement"][0]["Principal"]["Federated"].startswith("arn:aws-cn:iam::123456789012:")
    assert [one["Resource"] for one in review.policies.permissions["Statement"]] == [
        "arn:aws-cn:s3:::models/*",
        "arn:aws-cn:s3:::models",
        "arn:aws-cn:s3:::data/a/*",
        "arn:aws-cn:s3:::data",
    ]


def test_who_only_reads_has_a_role_that_only_reads(repository: Repository, only: Only):
    account = "arn:aws:iam::123456789012:role"
    repository.spoil(WORKFLOW, "${{ vars.MLOPS_CI_AWS_ROLE_READ }}", f"{account}/reader")
    review = configured(repository, '\n[publish]\nstore = "s3://models/team"\n')
    assert review.policies is not None
    reading = review.policies.reading
    assert reading is not None
    objects, bucket = reading.permissions["Statement"]
    assert objects["Action"] + bucket["Action"] == ["s3:GetObject", "s3:ListBucket"]
    (trust,) = reading.trust["Statement"]
    assert trust["Principal"]["Federated"].startswith("arn:aws:iam::123456789012:")
    assert trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"] == [
        "repo:team/model:ref:refs/heads/main",
        "repo:team/model:pull_request",
        "repo:team/model:environment:mlops-deploy",
    ]
    (repository.root / ".github" / "workflows" / "mlops-nightly.yml").unlink()
    repository.spoil(WORKFLOW, f"      aws-role-read: {account}/reader # who reads data and the champion there\n", "")
    found = only(repository.github())
    assert found.level == "advice"
    assert "plan, prepare, train, evaluate, deploy read s3://models/team" in found.message


def test_who_hands_a_run_on_through_the_store_has_a_role_for_that_alone(repository: Repository):
    role = "arn:aws:iam::123456789012:role/passer"
    given = "      aws-role: ${{ vars.MLOPS_CI_AWS_ROLE }}"
    assert configured(repository, '\n[publish]\nstore = "s3://models/team"\n').policies.handover is None
    repository.spoil(WORKFLOW, given, f"      aws-role-handover: {role}\n{given}")
    review = repository.github()
    assert not review.refused, review.findings
    handover = review.policies.handover
    objects, bucket = handover.permissions["Statement"]
    assert objects["Resource"] == "arn:aws:s3:::models/team/handover/*"
    assert bucket["Condition"] == {"StringLike": {"s3:prefix": "team/handover/*"}}
    assert handover.trust["Statement"][0]["Principal"]["Federated"].startswith("arn:aws:iam::123456789012:")
    # Of pull requests, too: their jobs hand on as well.
    subjects = handover.trust["Statement"][0]["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert "repo:team/model:pull_request" in subjects


def test_what_only_builds_must_grant_an_identity_when_it_hands_on_through_the_store():
    before, after = interfaces()["build"], interfaces("store")["build"]
    assert "id-token" not in before.grant
    assert after.grant == {**before.grant, "id-token": "write"}
    assert set(after.inputs) - set(before.inputs) == {"aws-role-handover"}


def test_a_role_that_is_none(repository: Repository):
    repository.spoil(WORKFLOW, "aws-role: ${{ vars.MLOPS_CI_AWS_ROLE }}", "aws-role: mlops")
    assert any("no ARN of a role" in one.message for one in repository.github().findings)


def test_a_server_of_ones_own_has_keys_and_no_policies(repository: Repository, only: Only):
    repository.spoil(WORKFLOW, "    # secrets:\n", "")
    for name in ("nightly", "decay"):
        (repository.root / ".github" / "workflows" / f"mlops-{name}.yml").unlink()
    review = configured(repository, '\n[publish]\nstore = "s3://m"\nendpoint = "https://s3.example"\n')
    assert review.policies is None
    found = only(review)
    assert "neither `aws-role` nor keys" in found.message
    repository.write(
        WORKFLOW, (repository.root / WORKFLOW).read_text().rstrip() + "\n    " + found.fix.replace("\n", "\n    ")
    )
    assert repository.github().findings == ()


WEEKLY = """\
name: mlops weekly
on: {workflow_dispatch: null}
permissions: {}
jobs:
  mlops:
    permissions:
      contents: read # to check the repository out
      packages: write # to push the images that it built
      id-token: write # to prove to the object store who asks (OIDC)
    uses: org/mlops-ci/.github/workflows/decay.yml@v0.1.0
    with:
      runner-evaluate: '["self-hosted", "cpu"]'
      aws-role: ${{ vars.MLOPS_CI_AWS_ROLE }}
"""
WEEKLY_FILE = ".github/workflows/mlops-weekly.yml"


def test_the_call_that_scores_the_champion_is_checked(empty: Repository, only: Only):
    empty.write("mlops.toml", (empty.root / "mlops.toml").read_text() + '\n[publish]\nstore = "s3://models"\n')
    empty.write(WEEKLY_FILE, WEEKLY)
    review = empty.github()
    assert (review.findings, review.calls) == ((), 1)
    for old, new, words in (
        ("runner-evaluate", "runner-gpu", "decay.yml has no input `runner-gpu`"),
        ("      id-token: write # to prove to the object store who asks (OIDC)\n", "", "`id-token: write` missing"),
        ("      aws-role: ${{ vars.MLOPS_CI_AWS_ROLE }}\n", "", "neither `aws-role` nor keys"),
        ("    with:\n", "    secrets: {ping-url: '${{ secrets.PING }}'}\n    with:\n", "takes no secret `ping-url`"),
    ):
        assert old in WEEKLY
        empty.write(WEEKLY_FILE, WEEKLY.replace(old, new))
        assert words in only(empty.github()).message


def test_it_begins_no_run_that_another_call_could_take_for_its_own(repository: Repository):
    before, text = repository.github().findings, (repository.root / WORKFLOW).read_text()
    weekly = WEEKLY.partition("jobs:\n")[2].replace("  mlops:\n", "  weekly:\n", 1)
    repository.write(WORKFLOW, text.replace("jobs:\n", f"jobs:\n{weekly}", 1))
    assert repository.github().findings == before
    assert repository.github().policies is None, "nothing is on S3"
