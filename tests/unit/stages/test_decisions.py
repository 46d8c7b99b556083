"""What plan decides about later jobs."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from mlops_ci.images.catalogue import ImpossibleVariantError
from mlops_ci.images.layers import PendingLockError
from mlops_ci.orchestrators.labels import RunnerLabelError
from mlops_ci.providers.github import github_provider
from mlops_ci.providers.local import local_provider
from mlops_ci.settings.deploy import DeploySettings
from mlops_ci.settings.image import ImageSettings
from mlops_ci.settings.publish import PublishSettings
from mlops_ci.settings.runners import RunnerSettings
from mlops_ci.settings.tracking import TrackingSettings
from mlops_ci.stages.decisions import (
    forced,
    further_builds,
    left_out,
    no_deployment,
    no_memory,
    no_promotion,
    no_publishing,
)

SERVED = DeploySettings(entry="serve.py:load")
CONFIGURED = {
    "deploy": SERVED,
    "tracking": TrackingSettings(uri="https://mlflow.example"),
    "publish": PublishSettings(store="s3://b/p"),
}
EMPTY = {"deploy": SERVED, "tracking": TrackingSettings(), "publish": PublishSettings()}
UNTRUSTED_WORK = {"prepare", "verify", "train", "evaluate", "publish", "promote", "deploy"}
ALL_WORK = UNTRUSTED_WORK | {"build", "check", "scan"}


def session(
    *,
    provider="github",
    event="push",
    mode="main",
    tables=CONFIGURED,
    runners=None,
    reproduces=None,
    beside=None,
    engine="docker",
    variant="cpu",
    planned=None,
    run="20260102-030405-abcdef",
    **environ,
):
    maker = github_provider if provider == "github" else local_provider
    around = {"GITHUB_EVENT_NAME": event, **environ}
    return SimpleNamespace(
        environ=around,
        engine=SimpleNamespace(name=engine),
        image_engine=engine,
        made_elsewhere=False,
        variant=variant,
        run=SimpleNamespace(
            id=run, info=SimpleNamespace(reproduces=reproduces, beside=beside), record={"plan": planned}.get
        ),
        provider=maker(around, io.StringIO()),
        settings=SimpleNamespace(mode=mode, tables=SimpleNamespace(runners=runners or RunnerSettings(), **tables)),
    )


def decided(one, *, trusted=True, idle=None):
    return left_out(one, trusted=trusted, why="event pull_request from the fork a/b", idle=idle)


def test_a_reproduction_publishes_and_promotes_nothing():
    one = session(reproduces="20260101-000000-abcdef")
    assert (
        no_publishing(one) == no_promotion(one) == "a reproduction of run 20260101-000000-abcdef: nothing is published"
    )


def test_a_canary_publishes_and_promotes_nothing_whatever_the_switches_say():
    one = session(beside="20260101-000000-abcdef", MLOPS_CI_DRY_RUN="false")
    assert set(decided(one).values()) == {"the canary of run 20260101-000000-abcdef: it is never published"}
    assert set(decided(one)) == {"publish", "promote", "deploy"}


NIGHT = "20260101-000000-abcdef"


def builds(*names, torch="2.13", **more):
    tables = {**CONFIGURED, "image": ImageSettings(torch=torch, variants=names)}
    return further_builds(session(tables=tables, **{"MLOPS_CI_SPREADS": "true", **more}))


def test_a_run_for_the_images_of_another_build_publishes_nothing():
    one = session(beside=NIGHT, run=f"{NIGHT}-cu130")
    assert set(decided(one).values()) == {f"only the images for cu130 of run {NIGHT}: it is never published"}


def test_the_images_of_further_builds_are_made_beside_the_runs_own():
    assert builds("cu130", "cpu", "cu130") == (("cu130",), "")
    assert builds("cpu", "cu130", variant="cu130") == (("cpu",), "")
    done = SimpleNamespace(done=True, outputs={"variants": ("cu130",)})
    assert builds("cu130", planned=done) == (("cu130",), "")


@pytest.mark.parametrize(
    ("names", "more", "why"),
    [
        ((), {}, ""),
        (("cpu",), {}, "[image] variants names no build but cpu, which is this run's own"),
        (("cu130",), {"engine": "inside"}, "[image] variants: the engine inside makes no images"),
        # A file that does not make images for their own sake, the run of one of them, and one that such a file began.
        (
            ("cu130",),
            {"MLOPS_CI_SPREADS": ""},
            "[image] variants is for build.yml and scan.yml at GitHub: here are the images of cpu",
        ),
        (("cu130",), {"beside": NIGHT}, ""),
        (("cu130",), {"planned": SimpleNamespace(done=True, outputs={"variants": ()})}, ""),
    ],
)
def test_where_there_is_none_and_why(names, more, why):
    assert builds(*names, **more) == ((), why)


@pytest.mark.parametrize(
    ("name", "error", "code", "words"),
    [
        ("cu118", ImpossibleVariantError, 2, "was never built for `cu118`"),
        ("cu126", PendingLockError, 3, "has no locks yet"),
    ],
)
def test_a_build_that_cannot_be_made_is_refused_before_any_job_begins(name, error, code, words):
    with pytest.raises(error, match=words) as refused:
        builds("cu130", name)
    assert refused.value.exit_code == code
    assert refused.value.hint


def test_own_code_with_servers_runs_everything():
    assert decided(session()) == {}


def test_a_dry_run_publishes_and_promotes_nothing():
    assert set(decided(session(MLOPS_CI_DRY_RUN="true"))) == {"publish", "promote", "deploy"}
    assert decided(session(MLOPS_CI_DRY_RUN="false")) == {}
    assert no_publishing(session(MLOPS_CI_DRY_RUN="true"))


@pytest.mark.parametrize("missing", ["tracking", "publish"])
def test_without_a_server_in_ci_there_is_no_champion_to_promote(missing):
    one = session(tables={**CONFIGURED, missing: EMPTY[missing]})
    assert set(decided(one)) == {"promote", "deploy"}
    assert f"[{missing}]" in no_promotion(one)
    assert "no champion memory" in no_memory(one)


def test_an_image_is_deployed_where_that_is_asked_for_and_can_be_done():
    assert no_deployment(session()) is None
    off = session(tables={**CONFIGURED, "deploy": DeploySettings()})
    assert decided(off) == {"deploy": "no [deploy] entry"}
    assert decided(session(engine="host")) == {
        "deploy": "the engine host builds no images: nothing was deployed, and nothing tested"
    }


def test_a_persons_own_machine_has_the_memory():
    assert no_memory(session(provider="local", tables=EMPTY)) is None


def test_code_of_a_fork_is_built_and_scanned_on_hosted_machines_only():
    assert set(decided(session(event="pull_request"), trusted=False)) == UNTRUSTED_WORK


@pytest.mark.parametrize("label", ["self-hosted", "ubuntu-big", '["self-hosted", "ubuntu-latest"]'])
def test_code_of_a_fork_never_reaches_a_self_hosted_machine(label):
    found = decided(session(event="pull_request", runners=RunnerSettings(cpu=label)), trusted=False)
    assert set(found) == ALL_WORK
    assert "self-hosted" in found["build"]


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run", "issue_comment"])
def test_where_a_forks_event_hands_secrets_to_jobs_nothing_runs(event):
    found = decided(session(event=event), trusted=False)
    assert set(found) == ALL_WORK
    assert "secrets" in found["build"]


def test_a_nightly_without_work_is_left_out_with_the_reason():
    found = decided(session(mode="nightly"), idle="nothing is new since run r")
    assert set(found) == ALL_WORK
    assert set(found.values()) == {"nothing is new since run r"}


def test_an_empty_list_of_machines_leaves_all_work_out_with_the_reason():
    found = decided(session(MLOPS_CI_NODES="[]"))
    assert set(found) == ALL_WORK
    assert set(found.values()) == {"the input `nodes` is an empty list: there is no machine to look at"}


@pytest.mark.parametrize("text", ["", '["gpu-01", "gpu-02"]'])
def test_with_machines_and_without_a_list_of_them_nothing_is_left_out(text):
    assert decided(session(MLOPS_CI_NODES=text)) == {}


def test_a_list_of_machines_that_is_none_ends_plan_as_a_mistake_of_the_caller():
    with pytest.raises(RunnerLabelError, match="no JSON"):
        decided(session(MLOPS_CI_NODES="gpu-01, gpu-02"))


def test_code_of_a_fork_reaches_no_machine_of_a_list():
    one = session(event="pull_request", MLOPS_CI_NODES='["gpu-01"]')
    assert set(decided(one, trusted=False)) >= {"verify", "train"}


def test_who_wants_it_to_run_in_any_case_is_named():
    one = session(mode="nightly", MLOPS_CI_ALWAYS="true")
    one.force = False
    assert "MLOPS_CI_ALWAYS" in forced(one)
    one.force = True
    assert "--force" in forced(one)
    other = session(mode="nightly", MLOPS_CI_ALWAYS="false")
    other.force = False
    assert forced(other) is None
