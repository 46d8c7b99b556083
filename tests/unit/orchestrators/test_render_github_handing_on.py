"""GitHub workflows that hand a run on through the object store: what each job hands on, and who may."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from mlops_ci.orchestrators.github.profile import ProfileError, load_profile
from support.rendered_github import BY_STORE, jobs, workflows


def handing_on() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    return [
        (name, job, body, step)
        for name, job, body in jobs("object-store")
        for step in body["steps"]
        if "mlops-ci handover pu" in step.get("run", "")
    ]


def test_through_the_store_every_job_hands_on_what_it_made_and_gets_what_was_made_before():
    found = {(name, job): [] for name, job, _ in jobs("object-store")}
    for name, job, _, step in handing_on():
        found[name, job].append(step["run"].split()[2])
    for (name, job), done in found.items():
        begins = job == "plan" and name in ("train", "nightly")
        assert done == (["push"] if begins else ["pull", "push"]), (name, job)


def test_who_hands_on_through_the_store_has_its_identity_in_these_steps_alone_and_a_fork_has_none():
    for name, job, body, step in handing_on():
        assert body["permissions"]["id-token"] == "write"
        role = step["env"]["MLOPS_CI_HANDOVER_ROLE"]
        assert set(step["env"]) == {
            "MLOPS_CI_HANDOVER_ROLE",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        }
        if job in ("plan", "build", "scan", "result"):
            word = "env.OWN_CODE == 'true'" if job == "plan" else "needs.plan.outputs.trusted == 'true'"
            assert role == f"${{{{ {word} && inputs.aws-role-handover || '' }}}}", (name, job)
            assert word in step["if"]
        elif job == "approve":
            assert "needs.promote.outputs.waiting == 'true'" in body["if"]
        else:
            assert "contains(fromJSON(needs.plan.outputs.jobs" in body["if"]
    for name, job, body in jobs("object-store"):
        holding = [step.get("id") for step in body["steps"] if "aws-role-handover" in json.dumps(step)]
        assert set(holding) <= set(BY_STORE), (name, job)
        stages = next(step for step in body["steps"] if step.get("id") == "stages")
        assert ("AWS_ROLE_ARN" in stages.get("env", {})) == (
            "AWS_ROLE_ARN"
            in next(one for one in workflows()[name]["jobs"][job]["steps"] if one.get("id") == "stages").get("env", {})
        )


def test_code_of_a_fork_hands_on_by_artifacts_whatever_the_profile_and_nobody_else_but_the_last_job_does():
    for name, job, body in jobs("object-store"):
        kept = [step for step in body["steps"] if step["name"] == "Hand it on"]
        if job == "result":
            # What those read that have no identity: the file that comments, and the one that tries again.
            assert "trusted" not in kept[0]["if"]
            assert any(step.get("run", "").endswith(f"--file {name} --whole") for step in body["steps"])
        elif job in ("plan", "build", "scan"):
            assert "!(" in kept[0]["if"]
            assert "trusted == 'true')" in kept[0]["if"]
        else:
            assert kept == [], (name, job)


def test_through_the_store_a_job_runs_when_and_where_it_runs_otherwise():
    """So that what is executed of one profile (code of a fork) is said of the other too."""
    otherwise = {(name, job): body for name, job, body in jobs()}
    for name, job, body in jobs("object-store"):
        for key in ("if", "runs-on", "needs", "environment"):
            assert body.get(key) == otherwise[name, job].get(key), (name, job, key)
        (stages,) = (step for step in body["steps"] if step.get("id") == "stages")
        (same,) = (step for step in otherwise[name, job]["steps"] if step.get("id") == "stages")
        assert stages == same, (name, job)


def test_a_job_that_cannot_hand_on_through_the_store_tells_its_exit_code():
    for name, job, body in jobs("object-store"):
        names = {step.get("id") for step in body["steps"]}
        told = re.findall(r"steps\.([\w-]+)\.outputs\.exit-code", body["outputs"]["exit-code"])
        assert told[0] == "hand-on", (name, job)
        assert set(told) == names & {"hand-on", "stages", "collect", "unpack"}


def test_what_needs_no_identity_otherwise_takes_no_role_for_more_than_handing_on():
    for name in ("build", "scan", "verify"):
        inputs = workflows("object-store")[name]["on"]["workflow_call"]["inputs"]
        assert [one for one in inputs if one.startswith("aws-role")] == [
            *(one for one in workflows()[name]["on"]["workflow_call"]["inputs"] if one.startswith("aws-role")),
            "aws-role-handover",
        ]


def test_a_way_to_hand_on_that_there_is_not(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text('handover = "pigeon"\n')
    with pytest.raises(ProfileError, match="handover is 'pigeon'"):
        load_profile(str(path))
