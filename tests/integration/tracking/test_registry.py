import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.tracking.connection import ONCE
from mlops_ci.tracking.errors import (
    AliasMovedError,
    TrackingAccessError,
    TrackingDownError,
    TrackingNotFoundError,
    TrackingRefusedError,
)
from mlops_ci.tracking.registry import ChampionVersion, ModelRegistry
from support.mlflow_restartable import QUICK

SOURCE = "s3://bucket/models/digits/manifest.json"


@pytest.fixture
def registry(mlflow_server: str) -> ModelRegistry:
    """The registry of the shared server."""
    return ModelRegistry(mlflow_server, policy=QUICK)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The small files of a registered model."""
    folder = tmp_path / "registered"
    (folder / "more").mkdir(parents=True)
    (folder / "pointer.json").write_text(json.dumps({"key": "manifest.json", "sha256": "0" * 64}))
    (folder / "more" / "lineage.json").write_text("{}")
    return folder


@pytest.fixture
def run(tracker: Tracker, name: str) -> TrackedRun:
    """An MLflow run that a version belongs to."""
    return tracker.start_run(name, run="run-1")


def register(
    registry: ModelRegistry, model: str, run: TrackedRun, files: Path, *, ours: str = "run-1", **tags: str
) -> str:
    return registry.register(
        model,
        run=ours,
        tracking_run_id=run.run_id,
        files=files,
        source_uri=SOURCE,
        tags={"mlops.commit": "abc", **tags},
    )


def versions(registry: ModelRegistry, model: str) -> list:
    return list(MlflowClient(registry.connection.uri).search_model_versions(f"name = '{model}'"))


def logged_models(registry: ModelRegistry, run: TrackedRun) -> list:
    return list(MlflowClient(registry.connection.uri).search_logged_models([run.experiment_id]))


def test_a_version_has_its_run_lineage_files_and_the_candidate_alias(registry, name, run, files, tmp_path):
    version = register(registry, name, run, files)
    assert version == "1"
    (found,) = versions(registry, name)
    assert found.run_id == run.run_id
    assert found.tags["mlops.run"] == "run-1"
    assert found.tags["mlops.commit"] == "abc"
    assert found.tags["mlops.source"] == SOURCE
    (model,) = logged_models(registry, run)
    assert str(model.status) == "READY"
    assert found.source == f"models:/{model.model_id}"
    assert model.tags["mlops.source"] == SOURCE
    candidate = registry.at_alias(name, "candidate")
    assert candidate is not None
    assert (candidate.version, candidate.run) == ("1", "run-1")
    folder = MlflowClient(registry.connection.uri).list_logged_model_artifacts(model.model_id)
    assert sorted(one.path for one in folder) == ["more", "pointer.json"]


def test_registering_again_is_the_same_version(registry, mlflow_server, name, run, files):
    register(registry, name, run, files)
    assert register(ModelRegistry(mlflow_server), name, run, files) == "1"
    assert len(versions(registry, name)) == 1
    assert len(logged_models(registry, run)) == 1


def test_whichever_answer_is_lost_there_is_one_version_and_one_logged_model(line, registry, tracker, name, files):
    lost = 0
    for number in range(1, 40):
        model = f"{name}-{number}"
        run = tracker.start_run(model, run="run-1")
        line.lose_answer(number)
        try:
            register(ModelRegistry(line.uri, policy=ONCE), model, run, files)
        except TrackingDownError:
            lost += 1
        reached = len(line.seen) >= number
        assert register(ModelRegistry(line.uri), model, run, files) == "1"
        assert len(versions(registry, model)) == 1
        (logged,) = logged_models(registry, run)
        assert str(logged.status) == "READY"
        assert registry.at_alias(model, "candidate").version == "1"
        if not reached:
            break
    assert lost >= 12, "the test must have met every request of a registration"


KILLED_CLIENT = """
import sys
from pathlib import Path
from mlops_ci.tracking.registry import ModelRegistry
ModelRegistry(sys.argv[1]).register(
    sys.argv[2], run="run-1", tracking_run_id=sys.argv[3], files=Path(sys.argv[4]), source_uri="s3://x/y", tags={}
)
print("not killed")
"""


def test_kill_9_between_the_creation_of_a_version_and_its_answer_leaves_one(line, registry, name, run, files):
    line.judge = lambda request: "keep-answer" if request.path.endswith("/model-versions/create") else "pass"
    argv = [sys.executable, "-c", KILLED_CLIENT, line.uri, name, run.run_id, str(files)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert line.kept.wait(120)
        child.kill()
        output, _ = child.communicate(timeout=120)
    line.released.set()
    line.judge = lambda _: "pass"
    assert (child.returncode, output) == (-signal.SIGKILL, b"")
    assert len(versions(registry, name)) == 1
    assert registry.at_alias(name, "candidate") is None
    assert register(registry, name, run, files) == "1"
    assert len(versions(registry, name)) == 1
    assert registry.at_alias(name, "candidate").version == "1"


def test_a_late_repetition_does_not_take_the_candidate_back(registry, tracker, name, run, files):
    register(registry, name, run, files)
    second = tracker.start_run(name, run="run-2")
    assert register(registry, name, second, files, ours="run-2") == "2"
    assert register(registry, name, run, files) == "1"
    assert registry.at_alias(name, "candidate").version == "2"


def test_there_is_no_champion_before_the_first_promotion(registry, name, run, files):
    assert registry.champion(name) is None
    register(registry, name, run, files)
    assert registry.champion(name) is None


def test_the_champion_has_its_metrics_by_their_own_names(registry, name, run, files):
    tags = {"mlops.metric.accuracy": "0.97", "mlops.metric.top@5": "0.99", "mlops.metric.odd": "n/a"}
    version = register(registry, name, run, files, **tags)
    assert registry.promote(name, version, expected=None) is None
    champion = registry.champion(name)
    assert isinstance(champion, ChampionVersion)
    assert (champion.version, champion.run) == ("1", "run-1")
    assert champion.metrics == {"accuracy": 0.97, "top@5": 0.99}
    assert champion.tags["mlops.metric.top@5"] == "0.99"


def two_versions(registry: ModelRegistry, tracker: Tracker, model: str, files: Path) -> None:
    for number in (1, 2):
        run = tracker.start_run(model, run=f"run-{number}")
        register(registry, model, run, files, ours=f"run-{number}")


def test_a_promotion_keeps_the_champion_before_and_can_be_undone(registry, tracker, name, files):
    two_versions(registry, tracker, name, files)
    registry.promote(name, "1", expected=None)
    assert registry.at_alias(name, "previous_champion") is None
    assert registry.promote(name, "2", expected="1") == "1"
    assert registry.champion(name).version == "2"
    assert registry.at_alias(name, "previous_champion").version == "1"
    assert registry.promote(name, "1", expected="2") == "2"
    assert registry.champion(name).version == "1"
    assert len(versions(registry, name)) == 2


def test_a_promotion_that_is_repeated_does_nothing(registry, tracker, name, files):
    two_versions(registry, tracker, name, files)
    registry.promote(name, "1", expected=None)
    registry.promote(name, "2", expected="1")
    assert registry.promote(name, "2", expected="1") == "2"
    assert registry.at_alias(name, "previous_champion").version == "1"


@pytest.mark.parametrize(("expected", "shown"), [(None, "none"), ("7", "version 7")])
def test_a_champion_that_was_moved_stops_the_promotion(registry, tracker, name, files, expected, shown):
    two_versions(registry, tracker, name, files)
    registry.promote(name, "1", expected=None)
    with pytest.raises(AliasMovedError) as caught:
        registry.promote(name, "2", expected=expected)
    assert f"is version 1 now, but the challenger was compared with {shown}" in caught.value.cause
    assert caught.value.exit_code == 4
    assert "evaluate --force" in caught.value.hint
    assert registry.champion(name).version == "1"
    assert registry.at_alias(name, "previous_champion") is None


def test_whichever_answer_of_a_promotion_is_lost_it_ends_the_same(line, registry, tracker, name, files):
    two_versions(registry, tracker, name, files)
    for number in range(1, 12):
        current = registry.champion(name)
        expected = current.version if current else None
        target = "2" if expected == "1" else "1"
        line.lose_answer(number)
        try:
            ModelRegistry(line.uri, policy=ONCE).promote(name, target, expected=expected)
        except TrackingDownError:
            ModelRegistry(line.uri).promote(name, target, expected=expected)
        assert registry.champion(name).version == target
        if expected is not None:
            assert registry.at_alias(name, "previous_champion").version == expected


def test_a_version_that_does_not_exist_is_not_promoted(registry, name, run, files):
    register(registry, name, run, files)
    with pytest.raises(TrackingNotFoundError):
        registry.promote(name, "9", expected=None)
    assert registry.champion(name) is None


def test_a_name_that_mlflow_refuses_is_said(registry, run, files):
    with pytest.raises(TrackingRefusedError, match="Invalid model name"):
        register(registry, "no/good", run, files)


def test_asking_for_the_champion_without_permission_is_not_no_champion(line, name):
    line.answer(403, "Permission denied")
    with pytest.raises(TrackingAccessError):
        ModelRegistry(line.uri).champion(name)


def test_asking_for_the_champion_of_a_broken_server_is_not_no_champion(line, name):
    line.answer(503)
    with pytest.raises(TrackingDownError):
        ModelRegistry(line.uri, policy=QUICK).champion(name)
