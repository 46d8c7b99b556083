"""What only GitLab itself carries out (no program here does): tries again, limits, locks, what may be interrupted.

Each is held against the graph, and each test of it is tried on a file in which it was changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from mlops_ci import pipeline
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.database_job import fetching
from mlops_ci.orchestrators.decay import all_files
from mlops_ci.orchestrators.jobs import MINUTES
from mlops_ci.orchestrators.together import together
from support.rendered_gitlab import PROFILES, all_jobs

Jobs = dict[str, dict[str, Any]]
# Exit codes that mean: another try may end better.
WORTH_IT = {10, 11, 12}
# One at a time in the whole project: who moves the champion, and who deploys it.
LOCKS = {"promote": "mlops-ci-promotion", "rollback": "mlops-ci-promotion", "deploy": "mlops-ci-deployment"}
LOST_MACHINE = {"max": 2, "when": ["runner_system_failure"]}


def differences(file: CalledFile, jobs: Jobs) -> list[str]:
    """Where the server would do otherwise than the graph says, as `job: keyword`."""
    return [
        f"{job.name}: {keyword}"
        for job in file.jobs
        for keyword, wanted in _wanted(job).items()
        if jobs[job.name].get(keyword) != wanted
    ]


def _wanted(job: Any) -> dict[str, Any]:
    codes = [] if job.always else list(job.retry)
    retry = {**LOST_MACHINE, **({"exit_codes": codes} if codes else {})}
    minutes = "$[[ inputs.timeout ]]" if job.minutes is None else job.minutes
    changes = bool({"publish", "promote", "deploy", "rollback"} & {*job.stages, job.name})
    return {
        "retry": retry,
        "timeout": f"{minutes} minutes",
        "interruptible": not changes,
        "resource_group": LOCKS.get(job.name),
    }


def graph(name: str, profile: str) -> CalledFile:
    (file,) = (one for one in all_files() if one.name == name)
    return together(fetching(file, PROFILES[profile].database), PROFILES[profile].images)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", [file.name for file in all_files()])
def test_the_server_does_as_the_graph_says(name, profile):
    jobs = all_jobs(profile, f"ci/gitlab/{name}.yml")
    assert differences(graph(name, profile), jobs) == []
    assert {code for job in jobs.values() for code in job.get("retry", {}).get("exit_codes", [])} <= WORTH_IT


def test_the_graph_says_what_its_stages_say():
    train = {job.name: job for job in graph("train", "default").jobs}
    for job in train.values():
        assert set(job.retry) == {code for stage in job.stages for code in pipeline.stage(stage).retry}
        assert job.minutes == MINUTES.get(job.name)
    assert train["train"].minutes is None, "its limit is an input"


def change(job: str, keyword: str, value: Any) -> Callable[[Jobs], None]:
    def spoil(jobs: Jobs) -> None:
        jobs[job][keyword] = value

    return spoil


def drop(job: str, keyword: str, inner: str = "") -> Callable[[Jobs], None]:
    def spoil(jobs: Jobs) -> None:
        del (jobs[job][keyword] if inner else jobs[job])[inner or keyword]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (drop("train", "retry", "exit_codes"), "train: retry"),
        (change("train", "retry", {**LOST_MACHINE, "exit_codes": [10, 20]}), "train: retry"),
        (change("build", "retry", {"max": 2}), "build: retry"),
        (change("result", "retry", {"max": 2, "when": ["always"]}), "result: retry"),
        (drop("train", "timeout"), "train: timeout"),
        (change("scan", "timeout", "30 hours"), "scan: timeout"),
        (drop("promote", "resource_group"), "promote: resource_group"),
        (change("promote", "resource_group", "$CI_JOB_ID"), "promote: resource_group"),
        (change("train", "resource_group", "gpu"), "train: resource_group"),
        (change("publish", "interruptible", True), "publish: interruptible"),
        (change("promote", "interruptible", True), "promote: interruptible"),
        (change("train", "interruptible", False), "train: interruptible"),
    ],
)
def test_a_change_of_it_would_be_found(spoil, found):
    jobs = copy.deepcopy(all_jobs("default", "ci/gitlab/train.yml"))
    spoil(jobs)
    assert differences(graph("train", "default"), jobs) == [found]


def test_who_approves_waits_for_the_same_lock_and_is_not_interrupted():
    jobs = all_jobs("default", "ci/gitlab/train.yml")
    assert jobs["approve"]["resource_group"] == jobs["promote"]["resource_group"]
    assert jobs["approve"]["interruptible"] is False
    others = {name: all_jobs("default", f"ci/gitlab/{name}.yml") for name in ("nightly", "publish")}
    assert {one["promote"]["resource_group"] for one in others.values()} == {jobs["promote"]["resource_group"]}, (
        "one lock of the project, whichever file it is"
    )
