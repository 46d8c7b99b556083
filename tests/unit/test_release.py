"""What must agree before a release, and the workflows that make one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from release_build import WITHIN, base_image, image_command
from release_facts import RefusedError, fragments, major_of, notes, order, parse_version, released, tag_of
from release_steps import rename, set_version
from ruamel.yaml import YAML

from mlops_ci.orchestrators.called import called_file
from mlops_ci.orchestrators.github.interface import inputs_of
from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.workflow import granted
from mlops_ci.orchestrators.labels import hosted

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
OWN = ("ci", "release", "update")
PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40}")
CHANGELOG = """\
# mlops-ci 1.10.0 (2026-11-25)

## Features

- The tenth.

# mlops-ci 1.1.0 (2026-10-01)

- The first.
"""


@cache
def workflow(name: str) -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load((WORKFLOWS / f"{name}.yml").read_text()))


@pytest.mark.parametrize("text", ["1.2.3", "v1.2.3"])
def test_a_version_is_written_in_two_ways(text: str):
    assert parse_version(text) == "1.2.3"
    assert (tag_of("1.2.3"), major_of("1.2.3")) == ("v1.2.3", "v1")


@pytest.mark.parametrize("text", ["1.2", "1.2.3rc1", "01.2.3", "", "main", "1.2.3; rm -rf /"])
def test_what_is_no_version_is_refused(text: str):
    with pytest.raises(RefusedError, match="is no version"):
        parse_version(text)


def test_versions_are_in_the_order_of_their_numbers():
    tags = dict.fromkeys(["v1.10.0", "v1.9.0", "v1", "nightly", "v2.0.0"], "c")
    assert released(tags) == ["1.9.0", "1.10.0", "2.0.0"]
    assert order("1.10.0") > order("1.9.9")


def test_the_notes_are_the_section_of_the_very_version(tmp_path: Path):
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    assert notes(tmp_path, "1.10.0") == "## Features\n\n- The tenth."
    assert notes(tmp_path, "1.1.0") == "- The first."
    assert notes(tmp_path, "1.0.0") == ""
    assert notes(tmp_path / "elsewhere", "1.1.0") == ""


def test_fragments_are_changes_that_no_release_has_told_of(tmp_path: Path):
    assert fragments(tmp_path) == []
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "7.feature.md").write_text("new")
    assert fragments(tmp_path) == ["7.feature.md"]


def test_only_the_projects_own_version_is_changed(tmp_path: Path):
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nversion = "1.0.0"\n[tool.x]\npython_version = "3.11"\n')
    set_version(path, "1.2.3")
    assert path.read_text() == '[project]\nversion = "1.2.3"\n[tool.x]\npython_version = "3.11"\n'
    path.write_text("[project]\n")
    with pytest.raises(RefusedError, match="has 0 lines"):
        set_version(path, "1.2.3")


def test_a_tag_is_renamed_as_a_whole_word(tmp_path: Path):
    path = tmp_path / "train.yml"
    path.write_text("ref: v0.1.0\nother: v0.1.0.1 xv0.1.0 v0.1.0-rc\nat: train@v0.1.0, v0.1.0.\n")
    assert rename(path, "v0.1.0", "v1.2.3")
    assert path.read_text() == "ref: v1.2.3\nother: v0.1.0.1 xv0.1.0 v0.1.0-rc\nat: train@v1.2.3, v1.2.3.\n"
    assert not rename(path, "v0.1.0", "v1.2.3")


def test_the_tool_image_stands_on_the_pinned_base():
    words = image_command(ROOT, "1.2.3", Path("/context"), "registry.example/org/tool", Path("/answer.json"))
    assert re.fullmatch(r"debian:bookworm-slim@sha256:[0-9a-f]{64}", base_image(ROOT))
    assert f"BASE_IMAGE={base_image(ROOT)}" in words
    assert "registry.example/org/tool:1.2.3" in words


def test_the_wheel_must_hold_what_lies_in_the_repository():
    shipped = [name.removeprefix("mlops_ci/bundle/") for name in WITHIN]
    assert all((ROOT / name).is_file() for name in shipped)


@pytest.mark.parametrize("name", OWN)
def test_every_action_is_pinned_by_a_hash_with_its_tag_beside_it(name: str):
    lines = [line for line in (WORKFLOWS / f"{name}.yml").read_text().splitlines() if "uses:" in line]
    for line in lines:
        used, _, comment = line.partition("uses:")[2].strip().partition(" # ")
        if not used.startswith("./"):
            assert PINNED.fullmatch(used), line
            assert re.fullmatch(r"v\d+\.\d+\.\d+", comment), line
    assert lines


@pytest.mark.parametrize("name", OWN)
def test_each_job_has_its_own_permissions_and_no_script_an_expression(name: str):
    found = workflow(name)
    assert found["permissions"] == {}
    for job in found["jobs"].values():
        assert job["permissions"], "a job without permissions of its own would have none"
        assert all("${{" not in step.get("run", "") for step in job.get("steps", []))


def test_only_the_jobs_that_must_may_write():
    writing = {
        (name, job): sorted(key for key, value in found["permissions"].items() if value == "write")
        for name in OWN
        for job, found in workflow(name)["jobs"].items()
    }
    assert {key: value for key, value in writing.items() if value} == {
        # As a user must to call train.yml; within it each job has less.
        ("ci", "quickstart"): ["id-token", "packages"],
        ("release", "tests"): ["id-token", "packages"],
        ("release", "image"): ["packages"],
        ("release", "attest"): ["attestations", "id-token"],
        ("release", "publish"): ["contents"],
        ("update", "pull-request"): ["contents", "pull-requests"],
    }


def test_our_own_checks_call_what_users_call_and_as_doctor_would_have_it():
    """And so does a release: nothing is built before the called file has trained the example at this commit."""
    called = workflow("ci")["jobs"]["quickstart"]
    assert called["uses"] == "./.github/workflows/train.yml"
    assert (ROOT / called["with"]["config"]).is_file()
    assert called["permissions"] == granted(called_file("train").jobs)
    given = called["with"]
    known = {one.name: one for one in inputs_of(called_file("train"), load_profile("default"))}
    kinds = {"string": str, "number": int, "boolean": bool}
    assert all(isinstance(value, kinds[known[name].kind]) for name, value in given.items())
    machines = {given[name] for name in ("runner-plan", "runner-cpu", "runner-gpu")}
    assert all(hosted((label,)) for label in machines), "code of a fork reaches no machine of ours"
    assert given["dry-run"] is True
    assert "secrets" not in called


def test_nothing_is_released_before_it_is_checked_tested_and_attested():
    jobs = workflow("release")["jobs"]

    def above(job: str) -> set[str]:
        needs = set(jobs[job].get("needs", []))
        return needs.union(*map(above, needs)) if needs else needs

    assert above("publish") == {"check", "tests", "build", "image", "attest"}
    assert jobs["tests"]["uses"] == "./.github/workflows/ci.yml"
    assert jobs["publish"]["environment"] == "release"
