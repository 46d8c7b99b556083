"""Every mistake in a caller's `.gitlab-ci.yml`, with its line and what to write instead."""

from __future__ import annotations

import pytest

from mlops_ci.orchestrators.callers.gitlab_starter import NAME

from .conftest import Only, Repository, line_of

GPU = "      runner-gpu: [gpu] # of your GPU runner\n"
REF = "    ref: v0.1.0\n"
ENTRY = "  - project: org/mlops-ci\n    ref: v0.1.0\n    file: ci/gitlab/train.yml\n"
SHA = "ab" * 20
REMOTE = "https://git.example/org/mlops-ci/-/raw/v1/ci/gitlab/train.yml"
FLOW = "{project: org/mlops-ci, ref: v1, file: /ci/gitlab/train.yml, inputs: {runner-gpus: [x]}}"


@pytest.mark.parametrize(
    ("old", "new", "words", "fix"),
    [
        ("ci/gitlab/train.yml", "ci/gitlab/trian.yml", "no file `trian`; did you mean `train`?", "ci/gitlab/train.yml"),
        ("ci/gitlab/train.yml", "train.yml", "no file `train.yml`; did you mean `train`?", "ci/gitlab/train.yml"),
        ("    file: ci/gitlab/train.yml\n", "", "names a project and no file", "file: ci/gitlab/train.yml"),
        (
            GPU,
            GPU + "      runner-gpus: [gpu]\n",
            "no input `runner-gpus`; did you mean `runner-gpu`?",
            "it has config",
        ),
        (GPU, "      runner-gpu: gpu\n", "`runner-gpu` is the text 'gpu', and must be a list", "write [gpu]"),
        (GPU, "      runner-gpu: '[\"gpu\"]'\n", "`runner-gpu` is the text", "write a list"),
        (GPU, "      runner-gpu: ['']\n", "has a tag that is no text", "[gpu, linux]"),
        (GPU, "      runner-gpu: [1]\n", "has a tag that is no text", "[gpu, linux]"),
        (
            GPU,
            GPU + "      dry-run: 'yes'\n",
            "`dry-run` is the text 'yes', and must be true or false",
            "true or false",
        ),
        (GPU, GPU + "      timeout: 6h\n", "`timeout` is the text '6h', and must be a number", "number"),
        (GPU, GPU + "      variant: on\n", "`variant` is the switch `true`, and must be a text", "quotes"),
        (GPU, GPU + "      variant:\n", "`variant` is empty, and must be a text", "take the line out"),
        (GPU, GPU + "      engine: dokcer\n", "did you mean `docker`?", "one of docker, host, inside"),
        (GPU, GPU + "      mode: nihgtly\n", "nihgtly: unknown mode", "explained"),
        (GPU, GPU + "      config: nowhere.toml\n", "no such file", "from the root"),
        (GPU, GPU + "      aws-role: mlops\n", "no ARN of a role", "arn:aws:iam::"),
        (GPU, GPU + "      stage: train\n", "the stage `train`, which `stages` has not", "stage: build"),
        (GPU, GPU + "      bundle-ref: v0.0.9\n", "they belong together", "bundle-ref: v0.1.0"),
        (GPU, GPU + "      job-prefix: mlops-nightly-\n", "have jobs of the same names", "job-prefix: "),
        ("include:\n", "variables:\n  AWS_SECRET_ACCESS_KEY: abc\ninclude:\n", "it is a secret no more", "masked"),
        ("include:\n", "stages: [build]\ninclude:\n", "the stage `test`, which `stages` has not", "stage: build"),
    ],
)
def test_a_mistake_is_refused_with_its_place(repository: Repository, old, new, words, fix):
    repository.spoil(NAME, old, new)
    review = repository.gitlab()
    assert review.refused
    found = [one for one in review.findings if words in one.message]
    assert found, review.findings
    assert found[0].level == "error"
    assert fix in found[0].fix
    lines = (repository.root / NAME).read_text().splitlines()
    text = lines[found[0].line - 1]
    key = new.rstrip().rpartition("\n")[2].strip().partition(":")[0]
    assert key in text or "project:" in text or "AWS_SECRET" in text or "stages" in text


DECAY = "  - project: org/mlops-ci\n    ref: v0.1.0\n    file: ci/gitlab/decay.yml\n    inputs:\n"


def test_a_canary_that_no_job_is_made_for_is_told(repository: Repository, only: Only):
    config = (repository.root / "mlops.toml").read_text()
    repository.write("mlops.toml", config + '\n[nightly]\ncanary = "next"\n[mode.next.image]\nlayer = "torch"\n')
    found = only(repository.gitlab())
    assert "[nightly] canary is set, and its job is not asked for" in found.message
    text = (repository.root / NAME).read_text()
    before, inputs, after = text.rpartition("    file: ci/gitlab/nightly.yml\n    inputs:\n")
    repository.write(NAME, f"{before}{inputs}      canary: true\n{after}")
    assert repository.gitlab().findings == ()


def test_the_include_that_scores_the_champion_is_checked(repository: Repository, only: Only):
    text = (repository.root / NAME).read_text().partition(DECAY)[0] + DECAY
    repository.write(NAME, text + "      runner-evaluate: [docker]\n")
    assert repository.gitlab().findings == ()
    repository.write(NAME, text + "      runner-gpu: [gpu]\n")
    assert "decay.yml has no input `runner-gpu`" in only(repository.gitlab()).message
    repository.write(NAME, text + "      job-prefix: mlops-\n")
    assert "train.yml and decay.yml have jobs of the same names" in only(repository.gitlab()).message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (REF, "", "no `ref`: the newest commit"),
        (REF, "    ref: main\n", "looks like a branch"),
        (REF, f"    ref: {SHA}\n", "fetch the tool from the place that train.yml names"),
        ("  - project: org/mlops-ci\n", "  - project: ml/mlops-ci\n", "not from ml/mlops-ci@v0.1.0"),
        (GPU, "      runner-gpu: []\n", "any runner that takes jobs without tags"),
        (REF, REF + "    ref: v0.1.0\n", "a second time"),
    ],
)
def test_what_may_be_wrong_is_told(repository: Repository, old, new, words):
    repository.spoil(NAME, old, new)
    review = repository.gitlab()
    assert any(words in one.message for one in review.findings), review.findings
    assert not review.refused


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (GPU, GPU + "      dry-run: no\n      timeout: 60\n      mode: auto\n      engine: host\n"),
        (GPU, GPU + "      config: ''\n      variant: $VARIANT\n      aws-role: $ROLE\n"),
        ("include:\n", "stages: [check, test]\ninclude:\n"),
        ("include:\n", "variables:\n  AWS_SECRET_ACCESS_KEY: $OTHER\n  MLFLOW_TRACKING_TOKEN: {value: ''}\ninclude:\n"),
        ("include:\n", "lint:\n  script: !reference [.a, script]\ninclude:\n"),
        (REF, "    ref: v1\n"),
        ("    file: ci/gitlab/train.yml\n", "    file: /ci/gitlab/train.yml\n"),
        ("    file: ci/gitlab/train.yml\n", "    file: [ci/gitlab/train.yml]\n"),
    ],
)
def test_what_is_right_is_not_told(repository: Repository, old, new):
    repository.spoil(NAME, old, new)
    assert repository.gitlab().findings == ()


def test_a_commit_is_named_to_the_tool_too(repository: Repository):
    repository.spoil(NAME, REF, f"    ref: {SHA}\n")
    repository.spoil(NAME, GPU, GPU + f"      bundle-ref: {SHA}\n")
    assert repository.gitlab().findings == ()


@pytest.mark.parametrize(
    "text",
    [
        "include:\n  component: $CI_SERVER_FQDN/org/mlops-ci/train@v0.1.0\n  inputs: {runner-gpus: [x]}\n",
        "include:\n  - component: git.example/org/mlops-ci/train@v0.1.0\n    inputs: {runner-gpus: [x]}\n",
        f"spec: {{inputs: {{a: {{}}}}}}\n---\ninclude: {FLOW}\n",
        f"child:\n  trigger:\n    include:\n      - {FLOW}\n",
        f"include:\n  - {{remote: {REMOTE}, inputs: {{runner-gpus: [x]}}}}\n",
    ],
)
def test_every_way_to_include_is_looked_at(empty: Repository, only: Only, text):
    empty.write(NAME, text)
    assert "no input `runner-gpus`" in only(empty.gitlab()).message


def test_a_component_that_there_is_not(empty: Repository, only: Only):
    empty.write(NAME, "include: {component: $CI_SERVER_FQDN/org/mlops-ci/trian@v0.1.0}\n")
    assert "no file `trian`; did you mean `train`?" in only(empty.gitlab()).message


def test_includes_in_files_of_the_repository_itself_are_followed(empty: Repository, only: Only):
    empty.write(NAME, "include: ci/*.yml\n")
    empty.write("ci/models.yml", f"include:\n{ENTRY}    inputs:\n      timeout: soon\n  - local: /.gitlab-ci.yml\n")
    found = only(empty.gitlab())
    assert (found.file, found.line) == ("ci/models.yml", line_of(empty.root, "ci/models.yml", "timeout"))


def test_a_required_input(empty: Repository):
    empty.write(NAME, f"include:\n{ENTRY.replace('train', 'publish')}")
    assert any("publish.yml requires the input `run-from`" in one.message for one in empty.gitlab().findings)


@pytest.mark.parametrize(
    "text", ["", "include: 5\n", "include: [5, [x], {}]\n", "a: b\n", "include: ../../x\n", f"include: {'x' * 5000}\n"]
)
def test_a_file_without_the_bundle_is_told_what_to_do(empty: Repository, only: Only, text):
    empty.write(NAME, text)
    assert "mlops-ci init --provider gitlab" in only(empty.gitlab()).fix
    assert only(empty.gitlab()).message == "it does not include the bundle"


def test_no_file_at_all(empty: Repository, only: Only):
    found = only(empty.gitlab())
    assert (found.file, found.line, found.message) == (NAME, 0, "there is no such file")


def test_a_file_that_cannot_be_read(empty: Repository, only: Only):
    empty.write(NAME, "include: [\n")
    assert "is no YAML" in only(empty.gitlab()).message
    assert "is closed" in only(empty.gitlab()).fix
    (empty.root / NAME).write_bytes(b"include: \xff\n")
    assert (only(empty.gitlab()).message, only(empty.gitlab()).fix) == (
        "cannot be read: is not UTF-8",
        "save it as UTF-8",
    )


def test_the_policies_are_for_this_server_and_project(repository: Repository):
    config = (repository.root / "mlops.toml").read_text()
    repository.write("mlops.toml", config + '\n[publish]\nstore = "s3://models/team"\n')
    review = repository.gitlab()
    assert review.policies is not None
    assert review.policies.trust["Statement"][0]["Condition"]["StringEquals"] == {
        "git.example:aud": "https://git.example",
        "git.example:sub": "project_path:team/sub/model:ref_type:branch:ref:main",
    }
    repository.spoil(NAME, GPU, GPU + "      aws-audience: sts.example\n")
    changed = repository.gitlab().policies
    assert changed is not None
    assert changed.trust["Statement"][0]["Condition"]["StringEquals"]["git.example:aud"] == "sts.example"


def test_a_role_to_hand_runs_on_is_known_and_gets_its_policy(repository: Repository):
    config = (repository.root / "mlops.toml").read_text()
    repository.write("mlops.toml", config + '\n[publish]\nstore = "s3://models/team"\n')
    repository.spoil(NAME, GPU, GPU + "      aws-role-handover: arn:aws:iam::123456789012:role/passer\n")
    review = repository.gitlab()
    assert not review.refused, review.findings
    objects, _ = review.policies.handover.permissions["Statement"]
    assert objects["Resource"] == "arn:aws:s3:::models/team/handover/*"
