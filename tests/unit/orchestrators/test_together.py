"""Sites without a registry: what needs the images shares the GPU job, and each part sees its own secrets alone."""

from __future__ import annotations

import io
import json
import re
from types import SimpleNamespace

import pytest

from mlops_ci import pipeline
from mlops_ci.commands.handover import the_job
from mlops_ci.orchestrators.called import called_file, called_files, handing_over
from mlops_ci.orchestrators.github.profile import ProfileError, load_profile
from mlops_ci.orchestrators.gitlab.profile import GitlabProfileError
from mlops_ci.orchestrators.gitlab.profile import load_profile as load_gitlab_profile
from mlops_ci.orchestrators.gitlab.render import render
from mlops_ci.orchestrators.jobs import jobs_of
from mlops_ci.orchestrators.outcome import outcome
from mlops_ci.orchestrators.signing import IN_THE_IMAGE, signing
from mlops_ci.orchestrators.together import before, files_of, shares, together
from mlops_ci.providers.github import github_provider
from mlops_ci.settings.deploy import DeploySettings
from mlops_ci.settings.runners import RunnerSettings
from mlops_ci.stages.decisions import left_out
from support.read_yaml import read_documents
from support.rendered_github import jobs, secrets_in, workflows

PROFILE = "no-registry"
WHOLE = ("build", "check", "scan", "prepare", "verify", "train", "evaluate")
TRAIN = together(called_file("train"), "one-job")


def rendered(file: str) -> dict[str, dict]:
    """The jobs of a file for GitLab by their names."""
    text = render(load_gitlab_profile(PROFILE))[f"ci/gitlab/{file}.yml"]
    found = read_documents(text)[1]
    return {re.sub(r".*]]", "", name): job for name, job in found.items()}


def at_github(**environ: str) -> SimpleNamespace:
    """As much of a session as decides what runs."""
    around = {"GITHUB_EVENT_NAME": "pull_request", **environ}
    unset = SimpleNamespace(uri=None, store=None)
    return SimpleNamespace(
        environ=around,
        run=SimpleNamespace(info=SimpleNamespace(reproduces=None, beside=None)),
        provider=github_provider(around, io.StringIO()),
        engine=SimpleNamespace(name="docker"),
        settings=SimpleNamespace(
            tables=SimpleNamespace(
                runners=RunnerSettings(), tracking=unset, publish=unset, deploy=DeploySettings(entry="serve.py:load")
            )
        ),
    )


def test_one_job_makes_the_images_and_does_all_that_is_done_in_them():
    assert [job.name for job in TRAIN.jobs] == ["plan", "train", "publish", "promote", "deploy", "result"]
    one = TRAIN.job("train")
    assert (one.stages, one.needs, one.runner, one.machine) == (WHOLE, ("plan",), "gpu", "gpu")
    assert one.retry == (10, 11, 12)
    assert not one.untrusted, "a fork's code never gets there"
    assert TRAIN.job("publish").needs == ("plan", "train")


@pytest.mark.parametrize("file", [together(file, "one-job") for file in called_files()], ids=lambda one: one.name)
def test_no_image_travels(file):
    """What runs in the image runs where it is built; a scan reads what the build wrote down."""
    makes = [job for job in file.jobs if "build" in job.stages]
    needs = [job for job in file.jobs if IN_THE_IMAGE & set(job.stages) and not job.beside]
    assert len(makes) <= 1
    assert all(job in makes for job in needs), "but for a canary, which has an image of its own"
    stages = [stage for job in file.jobs if not job.beside for stage in job.stages]
    assert sorted(stages, key=pipeline.NAMES.index) == stages
    names = {job.name for job in file.jobs}
    assert all(set(job.needs) <= names - {job.name} for job in file.jobs)
    assert not [job for job in file.jobs if job.permissions.get("packages") == "write" and shares(file)]


def test_a_file_without_a_gpu_job_has_the_jobs_that_it_had():
    for name in ("build", "scan"):
        assert together(called_file(name), "one-job").jobs == called_file(name).jobs
    publish = together(called_file("publish"), "one-job")
    assert [job.name for job in publish.jobs] == [job.name for job in called_file("publish").jobs]
    assert publish.job("deploy").permissions["packages"] == "read", "no image is pushed anywhere"
    assert together(called_file("train"), "registry") == called_file("train")


def test_it_goes_with_the_other_settings_of_a_site():
    file = together(signing(handing_over(called_file("nightly"), "store"), "keyless"), "one-job")
    one = file.job("train")
    assert (one.hands_on, one.signs) == (True, True)
    assert "signing" not in one.secrets
    assert file.job("canary").needs == ("plan", "train")
    assert set(file.job("result").needs) == {job.name for job in file.jobs[:-1]}


def test_each_part_is_a_step_and_the_scanner_sees_no_secret():
    for name in ("train", "nightly", "verify"):
        body = workflows(PROFILE)[name]["jobs"]["train"]
        run = {step["name"]: step for step in body["steps"] if step.get("run", "").startswith("mlops-ci run ")}
        parts = [step["run"] for step in run.values()]
        assert parts[:3] == [f"mlops-ci run {words} --only" for words in ("build check", "scan", "prepare")]
        assert ("env" in run["Run scan"], secrets_in(body.get("env", {}))) == (False, set())
        assert "mlflow-token" not in secrets_in(run["Run build, check"])
        known = [step.get("id") for step in run.values()]
        assert known[-1] == "stages"
        asked = re.findall(r"steps\.([\w-]+)\.outputs", body["outputs"]["exit-code"])
        assert asked == [*reversed(known), "collect"], "the last part that ran ended the job"
        packs = [step["if"] for step in body["steps"] if "handover pack" in step.get("run", "")]
        assert packs == ["${{ always() && steps.build.outcome != 'skipped' }}"], "also when the first part fails"


def test_the_job_runs_on_the_gpu_machine_and_for_own_code_alone():
    train = workflows(PROFILE)["train"]["jobs"]["train"]
    assert "runner-gpu" in train["runs-on"]
    assert "contains(fromJSON(needs.plan.outputs.jobs || '[]'), 'train')" in train["if"]
    assert train["timeout-minutes"] == "${{ inputs.timeout }}"
    for file, job, body in jobs(PROFILE):
        assert (file in ("build", "scan") and job == "build") or body["permissions"].get("packages") != "write"
    for name, one in workflows(PROFILE).items():
        assert ("MLOPS_CI_IMAGES" in one["env"]) == (name in ("train", "nightly", "verify"))
        assert one["on"]["workflow_call"]["inputs"]["registry"]["default"] == ""


def test_at_gitlab_the_same_job_runs_the_same_parts():
    train = rendered("train")
    assert set(train) == {
        "job",
        "changing-job",
        "plan",
        "train",
        "publish",
        "promote",
        "approve",
        "deploy",
        "result",
        "fork",
    }
    script = [line for line in train["train"]["script"] if line.startswith("mlops-ci run")]
    assert [line.partition(" --only")[0] for line in script] == [
        "mlops-ci run build check",
        "mlops-ci run scan",
        "mlops-ci run prepare",
        "mlops-ci run verify train",
        "mlops-ci run evaluate",
    ]
    assert train["train"]["tags"] == "$[[ inputs.runner-gpu ]]"
    assert train["job"]["variables"]["MLOPS_CI_IMAGES"] == "one-job"
    assert not [job for job in train.values() if "MLOPS_CI_DEFAULT_REGISTRY" in job.get("variables", {})]


def test_at_gitlab_an_include_stays_right_when_a_site_does_without_a_registry():
    """An input that a file does not have is an error, whatever the file does with it."""
    rendered_by = [render(load_gitlab_profile(one)) for one in ("default", PROFILE)]
    for name in ("train", "nightly", "verify", "publish", "decay"):
        with_one, without = (
            set(read_documents(files[f"ci/gitlab/{name}.yml"])[0]["spec"]["inputs"]) for files in rendered_by
        )
        assert with_one <= without, name


def test_at_gitlab_publish_goes_on_with_the_jobs_that_there_are():
    names = [job.name for job in before(pipeline.NAMES[1:8], "one-job")]
    assert names == ["train"]
    assert [job.name for job in before(pipeline.NAMES[1:8], "registry")] == [
        job.name for job in jobs_of(pipeline.NAMES[1:8])
    ]
    needs = json.dumps(rendered("publish")["publish"]["needs"])
    assert "run-from ]]train" in needs
    assert "run-from ]]build" not in needs


def test_the_tool_knows_the_jobs_of_the_file_that_calls_it(monkeypatch):
    assert the_job("train", "train").stages == ("verify", "train")
    monkeypatch.setenv("MLOPS_CI_IMAGES", "one-job")
    assert the_job("train", "train").stages == WHOLE
    assert [file.name for file in files_of({"MLOPS_CI_IMAGES": "one-job"}) if shares(file)] == [
        "train",
        "verify",
        "nightly",
    ]


def test_code_of_a_fork_is_planned_and_nothing_else():
    """The GPU job would be the first to see it: no hosted machine has a part of this pipeline but plan and result."""
    why = left_out(at_github(MLOPS_CI_IMAGES="one-job"), trusted=False, why="event pull_request from a fork")
    assert set(why) == set(pipeline.NAMES[1:-1])
    assert "no self-hosted runner" in why["build"]
    jobs = tuple(job for job in TRAIN.jobs if job.name not in ("plan", "result"))
    found = outcome(jobs, {}, {}, why)
    assert (found.result, found.exit_code) == ("skipped", 0)
    assert set(left_out(at_github(), trusted=False, why="a fork")) < set(why)


@pytest.mark.parametrize("value", ['"none"', "true"])
def test_another_word_for_how_images_travel_is_refused(tmp_path, value):
    path = tmp_path / "site.toml"
    path.write_text(f"images = {value}\n")
    with pytest.raises(ProfileError, match="images"):
        load_profile(str(path))
    with pytest.raises(GitlabProfileError, match="images"):
        load_gitlab_profile(str(path))
