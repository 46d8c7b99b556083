import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from mlflow import MlflowClient

from mlops_ci.errors import BY_EXIT_CODE
from mlops_ci.redaction import Redactor
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.connection import ONCE
from mlops_ci.tracking.errors import (
    TrackingAccessError,
    TrackingDownError,
    TrackingRefusedError,
    TrackingTooOldError,
)
from support.lossy_proxy import Answer
from support.mlflow_restartable import QUICK

TAGS = {"mlops.commit": "abc123", "mlops.dirty": False, "mlops.data": "d" * 64}
PARAMS = {"epochs": 3, "lr": 1e-3, "optimizer": "adam"}


def stored(tracker: Tracker, run_id: str):
    return MlflowClient(tracker.connection.uri).get_run(run_id)


def runs_named(tracker: Tracker, experiment: str) -> list:
    def search(client):
        found = client.get_experiment_by_name(experiment)
        return list(client.search_runs([found.experiment_id])) if found else []

    return search(MlflowClient(tracker.connection.uri))


def test_a_run_has_its_lineage_as_tags_and_its_parameters(tracker, name):
    started = tracker.start_run(name, run="run-1", name="run-1", tags=TAGS, params=PARAMS)
    found = stored(tracker, started.run_id)
    assert found.info.status == "RUNNING"
    assert found.info.run_name == "run-1"
    assert found.data.params == {"epochs": "3", "lr": "0.001", "optimizer": "adam"}
    tags = {key: value for key, value in found.data.tags.items() if key.startswith("mlops.")}
    assert tags == {"mlops.run": "run-1", "mlops.commit": "abc123", "mlops.dirty": "false", "mlops.data": "d" * 64}
    assert not started.resumed
    assert tracker.link(started).endswith(f"/#/experiments/{started.experiment_id}/runs/{started.run_id}")
    tracker.finish(started.run_id, "FINISHED")
    assert stored(tracker, started.run_id).info.status == "FINISHED"


def test_the_same_run_started_again_is_the_same_mlflow_run_and_running(tracker, mlflow_server, name):
    first = tracker.start_run(name, run="run-1", params={"epochs": 3})
    tracker.finish(first.run_id, "KILLED")
    second = Tracker(mlflow_server).start_run(name, run="run-1", tags=TAGS, params={"epochs": 4, "lr": 0.1})
    assert second.run_id == first.run_id
    assert second.resumed
    assert second.conflicts == ("epochs",)
    found = stored(tracker, first.run_id)
    assert found.info.status == "RUNNING"
    assert found.data.params == {"epochs": "3", "lr": "0.1"}
    assert found.data.tags["mlops.commit"] == "abc123"
    assert len(runs_named(tracker, name)) == 1


def test_another_run_is_another_mlflow_run(tracker, name):
    first = tracker.start_run(name, run="run-1")
    second = tracker.start_run(name, run="run-2")
    assert first.run_id != second.run_id
    assert first.experiment_id == second.experiment_id


def test_whichever_answer_is_lost_the_next_start_finds_the_one_run(line, tracker, name):
    lost = 0
    for number in range(1, 30):
        line.lose_answer(number)
        experiment = f"{name}-{number}"
        try:
            Tracker(line.uri, policy=ONCE).start_run(experiment, run="run-1", tags=TAGS, params=PARAMS)
        except TrackingDownError:
            lost += 1
        reached = len(line.seen) >= number
        started = Tracker(line.uri).start_run(experiment, run="run-1", tags=TAGS, params=PARAMS)
        assert [one.info.run_id for one in runs_named(tracker, experiment)] == [started.run_id]
        assert stored(tracker, started.run_id).data.params["epochs"] == "3"
        if not reached:
            break
    assert lost >= 7, "the test must have met every request of a start"


def test_a_lost_answer_is_asked_again_within_one_start(line, tracker, name):
    for number in range(1, 12):
        line.lose_answer(number)
        started = Tracker(line.uri, policy=QUICK).start_run(f"{name}-{number}", run="run-1", params=PARAMS)
        assert [one.info.run_id for one in runs_named(tracker, f"{name}-{number}")] == [started.run_id]


def test_a_request_carried_out_after_its_sender_died_does_not_make_a_second_run(tracker, name):
    experiment_id = tracker.start_run(name, run="other").experiment_id

    def late_create(client):
        return client.create_run(experiment_id, start_time=1_000, tags={"mlops.run": "run-1"})

    class Late:
        """The first search comes too early to see the run that is on its way; everything is passed on."""

        def __init__(self, client):
            self.client, self.searched = client, False

        def search_runs(self, *arguments, **named):
            if self.searched:
                return self.client.search_runs(*arguments, **named)
            self.searched = True
            late_create(self.client)
            return []

        def __getattr__(self, what):
            return getattr(self.client, what)

    real = tracker.connection._client
    tracker.connection.__dict__["_client"] = Late(real)
    started = tracker.start_run(name, run="run-1")
    assert started.started_ms == 1_000
    assert started.resumed
    ours = [one for one in runs_named(tracker, name) if one.data.tags.get("mlops.run") == "run-1"]
    assert [one.info.run_id for one in ours] == [started.run_id]


KILLED_CLIENT = """
import sys
from mlops_ci.tracking.client import Tracker
Tracker(sys.argv[1]).start_run(sys.argv[2], run="run-1", tags={"mlops.commit": "abc"}, params={"epochs": 3})
print("not killed")
"""


def test_kill_9_between_the_creation_and_its_answer_leaves_one_run(line, tracker, name):
    line.judge = lambda request: "keep-answer" if request.path.endswith("/runs/create") else "pass"
    argv = [sys.executable, "-c", KILLED_CLIENT, line.uri, name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert line.kept.wait(120)
        child.kill()
        output, _ = child.communicate(timeout=120)
    line.released.set()
    line.judge = lambda _: "pass"
    assert child.returncode == -signal.SIGKILL
    assert output == b""
    (left,) = runs_named(tracker, name)
    started = Tracker(line.uri).start_run(name, run="run-1", tags={"mlops.commit": "abc"}, params={"epochs": 3})
    assert started.run_id == left.info.run_id
    assert len(runs_named(tracker, name)) == 1
    assert stored(tracker, started.run_id).data.params == {"epochs": "3"}


def test_many_starts_at_once_share_one_new_experiment(mlflow_server, tracker, name):
    found = []

    def start(number: int) -> None:
        found.append(Tracker(mlflow_server).start_run(name, run=f"run-{number}"))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.experiment_id for one in found}) == 1
    assert len({one.run_id for one in found}) == 6


def test_names_and_values_that_mlflow_refuses_are_made_fit(tracker, name):
    params = {"model/type@x": "y" * 7000, **{f"p{number}": number for number in range(150)}}
    started = tracker.start_run(name, run="run-1", params=params, tags={"what?": "z" * 9000})
    found = stored(tracker, started.run_id)
    assert len(found.data.params) == 151
    assert found.data.params["model/type_x"] == "y" * 5997 + "..."
    assert found.data.tags["what_"].endswith("...")


def test_a_deleted_experiment_is_said_with_the_way_out(tracker, name):
    started = tracker.start_run(name, run="run-1")
    MlflowClient(tracker.connection.uri).delete_experiment(started.experiment_id)
    with pytest.raises(TrackingRefusedError, match="is deleted") as caught:
        tracker.start_run(name, run="run-2")
    assert "[tracking] experiment" in caught.value.hint


def test_metrics_and_tags(tracker, name):
    started = tracker.start_run(name, run="run-1")
    tracker.log_metrics(started.run_id, {"accuracy": 0.9, "top@5": 0.99}, step=3)
    tracker.set_tags(started.run_id, {"mlops.verdict": "promote"})
    found = stored(tracker, started.run_id)
    assert found.data.metrics == {"accuracy": 0.9, "top_5": 0.99}
    assert found.data.tags["mlops.verdict"] == "promote"
    assert [point.step for point in tracker.history(started.run_id, "accuracy")] == [3]


def test_a_server_that_is_down_is_infrastructure_and_named_without_credentials():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    redactor = Redactor()
    started = time.monotonic()
    with pytest.raises(TrackingDownError) as caught:
        Tracker(f"http://someone:hunter22@127.0.0.1:{port}", redactor, policy=QUICK).start_run("x", run="run-1")
    assert time.monotonic() - started < 60
    error = caught.value
    assert error.exit_code == 10
    assert isinstance(error, BY_EXIT_CODE[10])
    assert (
        f"http://127.0.0.1:{port} could not be asked, while asking for its experiments: connection refused"
        in error.cause
    )
    assert "hunter22" not in error.cause + error.hint
    assert f"curl http://127.0.0.1:{port}/health" in error.hint
    assert redactor.clean("hunter22") == "***"


def test_an_unknown_host_is_said():
    with pytest.raises(TrackingDownError, match=r"name or service not known|temporary failure|no address"):
        Tracker("http://no-such-host.invalid:5000", policy=ONCE).start_run("x", run="run-1")


def test_a_server_that_hangs_is_left_after_the_time_out(line, monkeypatch, name):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    line.judge = lambda _: "hang"
    with pytest.raises(TrackingDownError, match="did not answer in time"):
        Tracker(line.uri, policy=ONCE).start_run(name, run="run-1")


def test_credentials_in_the_address_are_used_and_never_shown(line, name):
    address = line.uri.replace("http://", "http://someone:hunter%2B22@")
    tracker = Tracker(address)
    assert tracker.public_uri == line.uri
    tracker.start_run(name, run="run-1")
    assert {request.headers["Authorization"] for request in line.seen} == {"Basic c29tZW9uZTpodW50ZXIrMjI="}
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "hunter+22"


def test_secrets_do_not_reach_tags_and_parameters(mlflow_server, name):
    redactor = Redactor()
    redactor.add("s3cr3t-value")
    tracker = Tracker(mlflow_server, redactor)
    started = tracker.start_run(name, run="run-1", tags={"a": "x s3cr3t-value"}, params={"token": "s3cr3t-value"})
    found = stored(tracker, started.run_id)
    assert found.data.tags["a"] == "x ***"
    assert found.data.params["token"] == "***"


# The texts are those of MLflow 3.17 (mlflow/server/auth, mlflow/server/security_utils.py).
NOT_AUTHENTICATED = "You are not authenticated. Please see https://mlflow.org for more information."
WRONG_HOST = "Invalid Host header - possible DNS rebinding attack detected"


@pytest.mark.parametrize(
    ("status", "body", "cause", "hint"),
    [
        (401, NOT_AUTHENTICATED, "does not accept our credentials", "MLFLOW_TRACKING_USERNAME"),
        (403, "Permission denied", "do not permit this", "MLFLOW_TRACKING_TOKEN"),
        (403, WRONG_HOST, "does not serve under this name", "--allowed-hosts"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_not_asked_again(line, name, status, body, cause, hint):
    line.answer(status, body)
    with pytest.raises(TrackingAccessError, match=cause) as caught:
        Tracker(line.uri, policy=QUICK).start_run(name, run="run-1")
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2
    assert len(line.seen) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_server_in_trouble_is_asked_again_and_then_said(line, name, status):
    line.answer(status, "<html>upstream</html>")
    with pytest.raises(TrackingDownError, match=f"it answers with status {status}"):
        Tracker(line.uri, policy=QUICK).start_run(name, run="run-1")
    assert len(line.seen) == QUICK.attempts


def test_an_address_without_mlflow_is_said(line, name):
    line.answer(404, "not here")
    with pytest.raises(TrackingRefusedError, match="does not know what MLflow's client asks for"):
        Tracker(line.uri, policy=QUICK).start_run(name, run="run-1")


def test_an_old_server_is_refused_before_anything_is_trained(line, name):
    line.judge = lambda request: Answer(200, "2.22.1") if request.path == "/version" else "pass"
    with pytest.raises(TrackingTooOldError, match=r"is version 2\.22\.1; 3\.0 or newer is needed") as caught:
        Tracker(line.uri).start_run(name, run="run-1")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("version", ["", "<html>login</html>", "3.17.2"])
def test_a_server_that_does_not_say_its_version_is_used(line, name, version):
    line.judge = lambda request: Answer(200, version) if request.path == "/version" else "pass"
    assert Tracker(line.uri).start_run(name, run="run-1").run_id


def test_earlier_finished_runs_of_the_same_work_are_found_with_their_last_values(tracker, name):
    runs = [tracker.start_run(name, run=f"r-{number}") for number in range(4)]
    tags = {"mlops.hardware": '2 cores of it\'s "own"', "mlops.work": "w"}
    for number, one in enumerate(runs):
        tracker.set_tags(one.run_id, {**tags, **({"mlops.work": "other"} if number == 1 else {})})
        tracker.log_metrics(one.run_id, {"speed": number + 0.5})
        if number != 2:
            tracker.finish(one.run_id, "FINISHED")
    plain = {**tags, "mlops.hardware": "plain"}
    tracker.set_tags(runs[0].run_id, plain)
    assert tracker.earlier(runs[3], plain, ("speed", "none"), most=5) == {"speed": [0.5], "none": []}
    assert tracker.earlier(runs[0], {"mlops.work": "w"}, ("speed",), most=5) == {"speed": [3.5]}
