"""The outer ends of a night: what it leaves and tells, and that nothing there costs the run anything."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from mlops_ci.console import Console
from mlops_ci.nightly.stamps import Memory, Stamps, Started
from mlops_ci.providers.github import github_provider
from mlops_ci.providers.local import local_provider
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.publish import PublishSettings
from mlops_ci.settings.settings import Settings, Tables
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages import night, plan
from mlops_ci.stages.night import Night, base_image, freshness, stamps
from mlops_ci.stores.errors import StoreAccessError, StoreUnreachableError
from mlops_ci.stores.local import LocalStore
from support.heard import Heard
from support.run_folder import a_record, make_run

PARTS = {"data": "d", "code": "c"}
ADDRESS = "https://hc.example/0b1c2d3e-secret"


@pytest.fixture
def told(monkeypatch):
    """What the dead man's switch is told; it answers with `problem`."""
    heard = SimpleNamespace(words=[], problem=None)

    def ping(address, word, **_):
        heard.words.append((address, word))
        return heard.problem

    monkeypatch.setattr(night, "ping", ping)
    return heard


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path)


def settings(tmp_path, mode="nightly", **publish):
    tables = Tables(train=TrainSettings(command="python train.py"), publish=PublishSettings(**publish))
    return Settings(root=tmp_path, file=None, mode=mode, tables=tables)


def said(one):
    sink = one.console.sink
    return "\n".join([*sink.lines, *(text for annotation in sink.annotations for text in annotation)])


def a_night(tmp_path, *, mode="nightly", provider=None, **environ):
    around = {"MLOPS_CI_PING_URL": ADDRESS, **environ}
    provider = provider or local_provider(around, io.StringIO())
    return Night.of(settings(tmp_path, mode), provider, Console(sink=Heard()), around)


def left(tmp_path, mode="nightly"):
    one = settings(tmp_path, mode)
    return stamps(one, Workspace(root=tmp_path)).read()


def freshly(due=True):
    return {"freshness": {"due": due, "why": "nothing is new since run r", "parts": PARTS}}


def test_a_night_that_trains(tmp_path, run, told):
    one = a_night(tmp_path)
    one.begin(run)
    run.write(a_record(run, "plan", outputs=freshly()))
    one.end_of(run, 0)
    found = left(tmp_path)
    assert (found.ended.result, found.ended.exit_code, found.ended.parts) == ("passed", 0, PARTS)
    assert found.succeeded == found.ended
    assert found.ended.started_at == found.started.at
    assert told.words == [(ADDRESS, "start"), (ADDRESS, "success")]


def test_a_night_that_had_nothing_to_do(tmp_path, run, told):
    run.write(a_record(run, "plan", outputs=freshly(due=False)))
    a_night(tmp_path).end_of(run, 0)
    found = left(tmp_path)
    assert (found.ended.result, found.ended.reason) == ("skipped", "nothing is new since run r")
    assert found.succeeded is None
    assert told.words == [(ADDRESS, "success")]


def test_a_night_that_failed_says_where(tmp_path, run, told):
    run.write(a_record(run, "train", status="failed", exit_code=20, reason="it broke"))
    a_night(tmp_path).end_of(run, 20)
    found = left(tmp_path)
    assert (found.ended.result, found.ended.exit_code, found.ended.reason) == ("failed", 20, "train: it broke")
    assert found.succeeded is None
    assert told.words == [(ADDRESS, "fail")]


def test_another_schedule_has_its_own_stamps_and_does_not_keep_the_switch_quiet(tmp_path, run, told):
    one = a_night(tmp_path, mode="weekly")
    one.begin(run)
    one.end_of(run, 0)
    assert left(tmp_path, "weekly").ended is not None
    assert left(tmp_path) == Memory()
    assert told.words == []


def test_a_dry_run_and_code_of_a_fork_leave_no_trace(tmp_path, run, told):
    fork = github_provider({"GITHUB_EVENT_NAME": "pull_request"}, io.StringIO())
    assert not fork.trusted()[0]
    for one in (a_night(tmp_path, MLOPS_CI_DRY_RUN="true"), a_night(tmp_path, provider=fork)):
        one.begin(run)
        one.end_of(run, 0)
    assert left(tmp_path) == Memory()
    assert told.words == []


def test_a_switch_that_is_down_is_a_warning_without_its_address(tmp_path, run, told):
    told.problem = "it answered with status 500"
    one = a_night(tmp_path)
    one.begin(run)
    assert "status 500" in said(one)
    assert ADDRESS not in said(one)
    assert left(tmp_path).started is not None
    assert one.console.redactor.clean(f"GET {ADDRESS}") == "GET ***"


def test_without_an_address_nobody_is_told(tmp_path, run, told):
    one = a_night(tmp_path, MLOPS_CI_PING_URL=" ")
    one.begin(run)
    assert told.words == []


@pytest.mark.parametrize("error", [StoreAccessError("refused", hint="h"), StoreUnreachableError("down", hint="h")])
def test_a_stamp_that_cannot_be_left_is_a_warning(tmp_path, run, told, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(LocalStore, "put_bytes", refuse)
    one = a_night(tmp_path)
    one.begin(run)
    one.end_of(run, 0)
    assert error.cause in said(one)
    assert told.words == [(ADDRESS, "start"), (ADDRESS, "success")]


def test_an_end_without_a_stamped_start_goes_by_the_run(tmp_path, run, told):
    Stamps(store=LocalStore(tmp_path / ".mlops" / "store"), project=tmp_path.name, mode="nightly").start(
        Started(run="another", at="2026-11-25T02:00:00.000Z", host="h")
    )
    a_night(tmp_path).end_of(run, 0)
    assert left(tmp_path).ended.started_at == run.info.created_at


def session(tmp_path, provider=None, **publish):
    return SimpleNamespace(
        settings=settings(tmp_path, **publish),
        workspace=Workspace(root=tmp_path),
        provider=provider or local_provider({}, io.StringIO()),
        console=Console(sink=Heard()),
        environ={},
        force=False,
    )


@pytest.fixture(autouse=True)
def known_parts(monkeypatch):
    monkeypatch.setattr(night, "parts", lambda _: PARTS)


def test_a_store_that_does_not_answer_is_no_answer(tmp_path, monkeypatch):
    def down(*_):
        raise StoreUnreachableError("down", hint="h")

    monkeypatch.setattr(LocalStore, "get_bytes", down)
    with pytest.raises(StoreUnreachableError):
        freshness(session(tmp_path))


def test_a_store_that_refuses_costs_a_training_and_is_said(tmp_path, monkeypatch):
    def refuse(*_):
        raise StoreAccessError("the store refuses us", hint="give it s3:ListBucket")

    monkeypatch.setattr(LocalStore, "get_bytes", refuse)
    one = session(tmp_path)
    found = freshness(one)
    assert found.due
    assert "the store refuses us" in found.why
    assert "s3:ListBucket" in said(one)


def test_a_damaged_stamp_costs_a_training_and_is_said(tmp_path):
    path = tmp_path / ".mlops" / "store" / "nightly" / tmp_path.name / "nightly" / "succeeded.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    one = session(tmp_path)
    assert freshness(one).due
    assert "succeeded.json" in said(one)


def test_a_ci_machine_without_a_store_says_that_it_remembers_nothing(tmp_path):
    ci = github_provider({"GITHUB_EVENT_NAME": "schedule"}, io.StringIO())
    assert "no [publish] store" in freshness(session(tmp_path, ci)).why
    assert "no [publish] store" not in freshness(session(tmp_path)).why
    assert "no [publish] store" not in freshness(session(tmp_path, ci, store=str(tmp_path / "s"))).why


def test_the_base_is_what_the_lowest_layer_stands_on():
    def layer(**document):
        return SimpleNamespace(document=document)

    one = layer(base={"name": "debian", "digest": "sha256:1"}, files=[1])
    assert base_image(one) == base_image(layer(base={"name": "debian", "digest": "sha256:1"}, files=[2]))
    assert base_image(one) != base_image(layer(base={"name": "debian", "digest": "sha256:2"}, files=[1]))
    assert base_image(layer(python="3.11")) != base_image(layer(python="3.12"))
    assert base_image(layer(digest="sha256:1", python="3.11")) == base_image(layer(digest="sha256:1", python="3.12"))


def test_a_run_that_goes_on_asks_again_whether_there_is_something_to_do(tmp_path, run):
    """Killed while it had nothing to do, and gone on with when the last success has grown old."""
    one = session(tmp_path)
    one.run, one.resolution = run, SimpleNamespace(fingerprint="f")
    first = plan.inputs(one)
    run.write(a_record(run, "plan", outputs=freshly()))
    assert plan.inputs(one) == first, "what is due stays due"
    run.write(a_record(run, "plan", outputs=freshly(due=False)))
    assert plan.inputs(one) != first
