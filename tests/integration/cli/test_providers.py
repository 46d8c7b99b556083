"""`mlops-ci init --provider` and `mlops-ci doctor --provider` in real repositories, as users call them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.cli import main
from support.cli import Called

TRAIN, NIGHTLY = ".github/workflows/mlops.yml", ".github/workflows/mlops-nightly.yml"
WEEKLY = ".github/workflows/mlops-decay.yml"


Call = Callable[..., Called]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line on a laptop, in this process: what it prints, and the exit code."""
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLOPS_CI_PROVIDER", "local")

    def start(folder: Path, *arguments: str) -> Called:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        said = capsys.readouterr()
        return Called(exit_code=int(end.value.code or 0), stdout=said.out, stderr=said.err)

    return start


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "train.py").write_text('print(f"loss: {0.5}")\n')
    return folder


def test_both_providers_are_set_up_and_doctor_agrees(call, repository):
    done = call(repository, "init", "--provider", "both")
    assert done.exit_code == 0, done.said
    assert done.stdout == ""
    for name in ("mlops.toml", TRAIN, NIGHTLY, WEEKLY, ".gitlab-ci.yml"):
        assert f"wrote {repository / name}" in done.stderr
    assert "still to set at GitHub:" in done.stderr
    for name in ("MLOPS_CI_RUNNER_GPU", "MLOPS_CI_AWS_ROLE", "mlops-promote", "mlops / result", "[tracking] uri"):
        assert name in done.stderr, "what is still to set"
    assert "branches: [trunk]" in (repository / TRAIN).read_text()
    for provider, calls, files in (("github", 4, f"{WEEKLY}, {NIGHTLY}, {TRAIN}"), ("gitlab", 3, ".gitlab-ci.yml")):
        checked = call(repository, "doctor", "--provider", provider)
        assert (checked.exit_code, checked.stdout) == (0, f"✓ {calls} calls of the bundle in {files}\n")


def test_a_folder_without_git_is_told_that_no_ci_system_reads_it(call, tmp_path, repository):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "train.py").write_text('print(f"loss: {0.5}")\n')
    lost = call(tmp_path / "plain", "init", "--provider", "github")
    assert lost.exit_code == 0
    assert f"{tmp_path / 'plain'} is in no git repository" in lost.stderr
    assert "`git init` there" in lost.stderr
    assert "in no git repository" not in call(repository, "init", "--provider", "github").stderr


def test_doctor_looks_at_both_as_init_wrote_both(call, repository):
    lost = call(repository, "doctor", "--provider", "both")
    assert (lost.exit_code, lost.stdout.count("1 to correct")) == (2, 2)
    assert "✗ .github/workflows: no workflow calls the bundle\n" in lost.stdout
    assert "✗ .gitlab-ci.yml: there is no such file\n" in lost.stdout
    call(repository, "init", "--provider", "both")
    done = call(repository, "doctor", "--provider", "both")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "GitHub:",
        f"✓ 4 calls of the bundle in {WEEKLY}, {NIGHTLY}, {TRAIN}",
        "GitLab:",
        "✓ 3 calls of the bundle in .gitlab-ci.yml",
    ]
    told = json.loads(call(repository, "doctor", "--provider", "both", "--json").stdout)
    assert [(one["provider"], one["findings"]) for one in told] == [("github", []), ("gitlab", [])]
    (repository / ".gitlab-ci.yml").unlink()
    assert call(repository, "doctor", "--provider", "both").exit_code == 2, "one that is wrong is enough"


def test_the_same_command_again_changes_nothing(call, repository):
    call(repository, "init", "--provider", "both")
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file() and ".git/" not in str(path)}
    done = call(repository, "init", "--provider", "both")
    assert done.exit_code == 0
    assert done.stderr.count("is there already") == 5
    assert {path: path.read_bytes() for path in before} == before


def test_a_workflow_of_the_users_is_kept_and_nothing_is_written(call, repository):
    (repository / TRAIN).parent.mkdir(parents=True)
    (repository / TRAIN).write_text("name: mine\n")
    done = call(repository, "init", "--provider", "both", "--force")
    assert done.exit_code == 2
    assert "nothing was changed" in done.stderr
    assert (repository / TRAIN).read_text() == "name: mine\n"
    assert not (repository / "mlops.toml").exists()
    assert not (repository / ".gitlab-ci.yml").exists()


def test_the_lines_for_a_pipeline_that_exists_are_printed(call, repository):
    own = "lint:\n  script: [ruff check .]\n"
    (repository / ".gitlab-ci.yml").write_text(own)
    done = call(repository, "init", "--provider", "gitlab")
    assert done.exit_code == 0
    assert "stays as it is: add these lines" in done.stderr
    assert (repository / ".gitlab-ci.yml").read_text() == own
    (repository / ".gitlab-ci.yml").write_text(done.stdout + own)
    assert call(repository, "doctor", "--provider", "gitlab").exit_code == 0


def test_below_the_top_the_files_still_lie_at_the_top(call, repository):
    below = repository / "models" / "first"
    below.mkdir(parents=True)
    (repository / "train.py").rename(below / "train.py")
    assert call(below, "init", "--provider", "both").exit_code == 0
    assert (below / "mlops.toml").is_file()
    assert "      config: models/first/mlops.toml\n" in (repository / TRAIN).read_text()
    assert "      config: models/first/mlops.toml\n" in (repository / ".gitlab-ci.yml").read_text()
    for folder in (below, repository):
        for provider in ("github", "gitlab"):
            assert call(folder, "doctor", "--provider", provider).exit_code == 0


def test_a_fork_is_named(call, repository):
    done = call(repository, "init", "--provider", "both", "--bundle", "ml/pipeline@v3.1.0")
    assert done.exit_code == 0
    assert "uses: ml/pipeline/.github/workflows/train.yml@v3.1.0\n" in (repository / TRAIN).read_text()
    checked = call(repository, "doctor", "--provider", "gitlab", "--bundle", "ml/pipeline")
    assert checked.exit_code == 0
    assert "checked for v0.1.0" in checked.stdout
    lost = call(repository, "doctor", "--provider", "github")
    assert lost.exit_code == 2
    assert "--bundle ORG/REPO" in lost.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bundle", "ml/x"], "add --provider"),
        (["--provider", "github", "--bundle", "x"], "ORG/REPO@REF"),
        (["--provider", "both", "--bundle", "group/sub/x"], "is no repository at GitHub"),
        (["--provider", "jenkins"], "is not one of"),
    ],
)
def test_a_call_that_makes_no_sense_writes_nothing(call, repository, arguments, words):
    done = call(repository, "init", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert not (repository / "mlops.toml").exists()


def test_doctor_says_all_that_is_wrong_and_ends_with_two(call, repository):
    call(repository, "init", "--provider", "github")
    text = (repository / TRAIN).read_text()
    before, job = text.split("  mlops:\n")
    job = job.replace("      packages: write # to push the images that it built\n", "").replace(
        "    with:\n", "    secrets: inherit\n    with:\n      dry-run: 'false'\n"
    )
    spoilt = f"{before}  mlops:\n{job}"
    (repository / TRAIN).write_text(spoilt)
    done = call(repository, "doctor", "--provider", "github")
    assert done.exit_code == 2
    lines = done.stdout.splitlines()
    assert lines[-1] == "3 to correct"
    number = spoilt.splitlines().index("    secrets: inherit") + 1
    assert any(line.startswith(f"✗ {TRAIN}:{number}: `secrets: inherit` hands over every secret") for line in lines)
    assert "        packages: write # to push the images that it built" in lines
    found = json.loads(call(repository, "doctor", "--provider", "github", "--json").stdout)
    assert [one["level"] for one in found["findings"]] == ["error"] * 3


def test_the_policies_name_this_repository_and_its_branch(call, repository):
    call(repository, "init", "--provider", "both")
    git(repository, "remote", "add", "origin", "git@git.example:team/model.git")
    with (repository / "mlops.toml").open("a") as file:
        file.write('\n[mode.nightly.publish]\nstore = "s3://models/team"\n')
    github = json.loads(call(repository, "doctor", "--provider", "github", "--json").stdout)["policies"]
    assert "repo:team/model:ref:refs/heads/trunk" in json.dumps(github["trust"])
    gitlab = call(repository, "doctor", "--provider", "gitlab").stdout
    assert '"git.example:sub": "project_path:team/model:ref_type:branch:ref:trunk"' in gitlab
    assert '"arn:aws:s3:::models/team/*"' in gitlab
