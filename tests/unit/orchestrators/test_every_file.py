"""What a caller finds the same in every rendered file, and what a reader finds explained."""

from __future__ import annotations

import re

import pytest

from mlops_ci.orchestrators.called import HEAD, TAIL
from mlops_ci.orchestrators.decay import all_files
from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.render import render
from support.rendered_github import PROFILES, jobs, workflows
from support.rendered_gitlab import all_jobs, documents

TEXTS = {profile: render(load_profile(profile)) for profile in PROFILES}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_head_of_inputs_and_the_tail_of_outputs_are_the_same_everywhere(profile):
    calls = {name: one["on"]["workflow_call"] for name, one in workflows(profile).items()}
    others, head = calls["train"], [one.name for one in HEAD]
    for name, call in calls.items():
        assert [one for one in call["inputs"] if one in set(head)] == head, "all of them, in one order"
        assert list(call["outputs"]) == [one.name for one in TAIL]
        for one in head:
            mine, theirs = call["inputs"][one], others["inputs"][one]
            assert (mine["type"], mine["description"]) == (theirs["type"], theirs["description"])
            assert mine["default"] == theirs["default"] or (name, one) == ("nightly", "mode")
        told = [{one: body["description"] for one, body in each["outputs"].items()} for each in (call, others)]
        assert told[0] == told[1]


@pytest.mark.parametrize("profile", PROFILES)
def test_each_job_says_above_it_what_it_is_for_and_each_permission_why(profile):
    called = workflows(profile)
    for name in called:
        text = TEXTS[profile][f".github/workflows/{name}.yml"]
        lines = text.splitlines()
        names = [index for index, line in enumerate(lines) if re.fullmatch(r"  [a-z-]+:", line)]
        found = [index for index in names if index > lines.index("jobs:")]
        assert len(found) == len(called[name]["jobs"])
        for index in found:
            assert lines[index - 1].startswith("  # "), (name, lines[index])
        for line in lines:
            if re.match(r"      (contents|packages|id-token): ", line):
                assert re.search(r" # to \w+", line), (name, line)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_linter_is_not_to_look_at_is_one_line_of_one_rule_with_its_reason(profile):
    for path, text in TEXTS[profile].items():
        for line in text.splitlines():
            if "ignore" in line and ("zizmor" in line or "actionlint" in line):
                assert re.search(r"# zizmor: ignore\[[a-z-]+\] \w+.*\w+", line), (path, line)
                assert "uses: ./.mlops/bundle/.github/actions/setup" in line


@pytest.mark.parametrize("profile", PROFILES)
def test_a_cancelled_job_calls_the_tool_which_ends_what_is_left_and_notes_it(profile):
    for name, job, body in jobs(profile):
        steps = [step for step in body["steps"] if step.get("if") == "${{ cancelled() }}"]
        if job in ("result", "approve"):
            # They start nothing that could be left running.
            assert steps == [], (name, job)
            continue
        (step,) = steps
        assert step["run"] == f"mlops-ci handover cancelled --job {job} --file {name}"
        names = [one["name"] for one in body["steps"]]
        handing = [one for one in names if one.startswith("Hand it on")]
        assert handing, (name, job)
        assert all(names.index(step["name"]) < names.index(one) for one in handing), "so that it is handed on"


def test_a_server_of_ones_own_is_asked_for_nothing_that_it_lacks():
    """No hosted machine, no identity of Sigstore, no newer artifact service; addresses come from the environment."""
    for path, text in TEXTS["enterprise"].items():
        assert "cosign" not in text.replace("cosign-p", "").replace("COSIGN_P", ""), path
        assert "github.com" not in text, path
        assert not re.search(r"(upload|download)-artifact@\w+ # v4", text), path
        assert "$/" not in text.replace("lack `$/`", ""), path
    for name, job, body in jobs("enterprise"):
        hosted = [label for label in re.findall(r"'([\w.-]+)'", str(body["runs-on"])) if label.startswith("ubuntu")]
        assert hosted == [], (name, job)


@pytest.mark.parametrize("name", [file.name for file in all_files()])
def test_at_gitlab_stage_prefix_image_and_tags_are_the_callers(name):
    inputs = documents("default", f"ci/gitlab/{name}.yml")[0]["inputs"]
    assert {"stage", "job-prefix", "image"} < set(inputs)
    for job, body in all_jobs("default", f"ci/gitlab/{name}.yml").items():
        assert body["stage"] == "$[[ inputs.stage ]]", job
        assert re.fullmatch(r"\$\[\[ inputs\.runner-\w+ ]]", body["tags"]), job
