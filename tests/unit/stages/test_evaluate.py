"""What a champion that can't be loaded means, and which failures are none of its own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlops_ci.errors import MlopsError
from mlops_ci.publishing.manifest import Manifest
from mlops_ci.records.evaluate import Classes
from mlops_ci.settings.evaluate import EvaluateSettings
from mlops_ci.signing.errors import UnsignedModelError
from mlops_ci.stages import evaluate
from mlops_ci.stages.champion import ChampionUnreadableError
from mlops_ci.stages.evaluate import ChampionUnloadableError
from mlops_ci.stages.known_classes import of_champion
from mlops_ci.stages.scores import ScoreMissingError
from mlops_ci.tracking.registry import ChampionVersion
from mlops_ci.training.outcome import JobError

CHAMPION = ChampionVersion(version="7", run="20261101-000000-aaaaaa")


def failed(exit_code: int) -> JobError:
    outcome = SimpleNamespace(cause="no such layer: head", hint="", exit_code=exit_code, class_="user-error")
    return JobError(outcome)  # type: ignore[arg-type]


@pytest.fixture
def defend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """What becomes of the champion when scoring it ends like this."""
    session = SimpleNamespace(run=SimpleNamespace(path=tmp_path.joinpath))

    def run(error: MlopsError, **rule: Any) -> Any:
        def score(*_: object) -> None:
            raise error

        monkeypatch.setattr(evaluate, "score_champion", score)
        return evaluate._defender(session, EvaluateSettings(command="x", metric="m", **rule), CHAMPION)  # type: ignore[arg-type]

    return run


CANNOT_BE_LOADED = [
    failed(20),
    ScoreMissingError("it left no metrics.json"),
    ChampionUnreadableError("version 7 is not whole: an object is gone", hint="restore the object"),
]


@pytest.mark.parametrize("error", CANNOT_BE_LOADED, ids=lambda one: type(one).__name__)
def test_a_champion_that_cannot_be_loaded_is_no_verdict_or_for_a_human(defend: Any, error: MlopsError) -> None:
    with pytest.raises(ChampionUnloadableError) as caught:
        defend(error)
    assert caught.value.exit_code == 4
    assert caught.value.cause == f"champion version 7 can't be loaded and scored: {error.cause}"
    assert 'unloadable-champion = "review"' in caught.value.hint
    gone = isinstance(error, ChampionUnreadableError)
    assert caught.value.hint.startswith(error.hint if gone and error.hint else "make the command load it too")
    found = defend(error, unloadable_champion="review")
    assert (found.score, found.unloadable) == (None, caught.value.cause)


@pytest.mark.parametrize("error", [failed(10), failed(12), UnsignedModelError("another key signed it")], ids=str)
def test_what_is_no_fault_of_the_champion_and_what_was_tampered_with_is_never_for_a_human(
    defend: Any, error: MlopsError
) -> None:
    with pytest.raises(type(error)):
        defend(error, unloadable_champion="review")


def test_the_champions_classes_are_those_of_its_files_and_of_its_own_evaluation(tmp_path: Path) -> None:
    def of(evaluation: dict[str, Any]) -> Classes | None:
        manifest = Manifest(model="m", files=(), lineage={}, metrics={}, evaluation=evaluation)
        return of_champion(tmp_path, manifest)

    assert of({}) is None, "published by a version that did not note them"
    known = {"classes": {"model": None, "data": ["a", "b"]}}
    assert of(known) == Classes(model=None, data=("a", "b"))
    (tmp_path / "config.json").write_text('{"id2label": {"0": "a", "1": "b"}}')
    assert of(known) == Classes(model=("a", "b"), data=("a", "b"))
    (tmp_path / "config.json").write_text("[]")
    assert of({"classes": 3}) is None
