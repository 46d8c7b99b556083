"""What a new user is given: derived from the graph, pinned, and without a finding."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from mlops_ci.orchestrators.callers import github_starter, gitlab_starter
from mlops_ci.orchestrators.callers.bundle import Bundle, BundleError, bundle, is_pinned, of_direct_url, release
from mlops_ci.orchestrators.decay import any_file
from mlops_ci.orchestrators.github.workflow import granted

from .conftest import BUNDLE, Repository

COMMIT = "0" + "1" * 38 + "f"
COPY = Bundle(repository="ml/tools/pipeline", ref=COMMIT, tag="v9.0.0")


def parsed(text: str):
    return YAML(typ="safe").load(text)


def test_what_is_written_has_no_finding(repository: Repository):
    for review in (repository.github(), repository.gitlab()):
        assert review.findings == ()
        assert review.calls == (4 if review.provider == "github" else 3)
        assert not review.refused


@pytest.mark.parametrize("name", ["train", "nightly", "decay"])
def test_the_permissions_are_those_of_the_graph(name):
    places = {"train": github_starter.TRAIN, "nightly": github_starter.NIGHTLY, "decay": github_starter.DECAY}
    path = places[name]
    workflow = parsed(github_starter.files(BUNDLE, branch="main")[path])
    job = workflow["jobs"]["mlops"]
    assert set(workflow["jobs"]) <= {"comment", "mlops"}
    assert workflow["permissions"] == {}
    assert job["permissions"] == granted(any_file(name).jobs)
    assert job["uses"] == f"org/mlops-ci/.github/workflows/{name}.yml@{release()}"


def test_the_branch_is_the_repositorys_own():
    workflow = parsed(github_starter.files(BUNDLE, branch="trunk")[github_starter.TRAIN])
    assert workflow["on"]["push"]["branches"] == ["trunk"]


@pytest.mark.parametrize(
    ("path", "cron"), [(github_starter.NIGHTLY, "17 2 * * *"), (github_starter.DECAY, "17 6 * * 1")]
)
def test_no_schedule_costs_a_machine_unasked(path, cron):
    text = github_starter.files(BUNDLE, branch="main")[path]
    assert list(parsed(text)["on"]) == ["workflow_dispatch"]
    asked = parsed(text.replace("\n#  ", "\n  "))
    assert asked["on"]["schedule"] == [{"cron": cron}]


def test_a_commit_is_pinned_with_its_release_beside_it(repository: Repository):
    made = Bundle(repository="ml/pipeline", ref=COMMIT, tag="v9.0.0")
    for name, text in github_starter.files(made, branch="main").items():
        assert "ml/pipeline/.github/workflows/" in text
        assert f"@{COMMIT} # v9.0.0\n" in text
        repository.write(name, text)
    assert repository.github("ml/pipeline").findings == ()


def test_gitlab_fetches_the_tool_from_where_the_file_comes_from(repository: Repository):
    (text,) = gitlab_starter.files(COPY).values()
    repository.write(gitlab_starter.NAME, text)
    entries = parsed(text)["include"]
    assert [one["file"] for one in entries] == ["ci/gitlab/train.yml", "ci/gitlab/nightly.yml", "ci/gitlab/decay.yml"]
    for one in entries:
        assert (one["project"], one["ref"]) == ("ml/tools/pipeline", COMMIT)
        assert one["inputs"]["bundle-url"] == "$CI_SERVER_URL/ml/tools/pipeline.git"
        assert one["inputs"]["bundle-ref"] == COMMIT
    assert repository.gitlab("ml/tools/pipeline").findings == ()


def test_a_configuration_below_the_top_is_named(repository: Repository):
    (repository.root / "mlops.toml").rename(repository.root / "other.toml")
    config = "models/my model/mlops.toml"
    repository.write(config, (repository.root / "other.toml").read_text())
    files = {
        **github_starter.files(BUNDLE, branch="main", config=config),
        **gitlab_starter.files(BUNDLE, config=config),
    }
    for name, text in files.items():
        repository.write(name, text)
    assert repository.github().findings == repository.gitlab().findings == ()


def test_where_this_tool_was_installed_from_is_what_is_pinned():
    noted = {"url": "https://github.com/ml/mlops-ci.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    assert of_direct_url(noted) == Bundle(repository="ml/mlops-ci", ref=COMMIT, tag=release())


@pytest.mark.parametrize(
    "noted",
    [{}, [], None, {"url": "file:///src", "dir_info": {}}, {"url": "https://x", "vcs_info": {"commit_id": "main"}}],
)
def test_what_names_no_commit_is_no_pin(noted):
    assert of_direct_url(noted) is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("ml/x", Bundle(repository="ml/x", ref=release())),
        ("ml/x@v2.1.0", Bundle(repository="ml/x", ref="v2.1.0")),
        ("group/sub/x@" + COMMIT, Bundle(repository="group/sub/x", ref=COMMIT)),
    ],
)
def test_a_bundle_is_named_on_the_command_line(given, wanted):
    assert bundle(given, otherwise="org/mlops-ci") == wanted


@pytest.mark.parametrize(
    "given", ["", "x", "ml/x@", "ml/x@-v", "ml/x@a b", "ml/x y@v1", "https://x/y@v1", "ml/x@v1\nz: 1"]
)
def test_a_name_that_is_none_is_refused(given):
    with pytest.raises(BundleError, match="--bundle is"):
        bundle(given, otherwise="org/mlops-ci")


@pytest.mark.parametrize(
    ("ref", "pinned"),
    [
        *((ref, True) for ref in ("v1", "v1.2.3", "1.2.3", "refs/tags/v1", COMMIT)),
        *((ref, False) for ref in ("abc1234", "main", "HEAD", "release", "v-next", "refs/heads/v1")),
    ],
)
def test_releases_and_commits_are_pins_and_branches_are_not(ref, pinned):
    assert is_pinned(ref) is pinned


def test_a_tool_without_a_version_pins_nothing(monkeypatch):
    monkeypatch.setattr("mlops_ci.orchestrators.callers.bundle.version", lambda: "0+unknown")
    with pytest.raises(BundleError, match="which release"):
        bundle(None, otherwise="org/mlops-ci")
