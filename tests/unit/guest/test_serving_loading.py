"""How the user's entry becomes a function that predicts."""

from __future__ import annotations

import inspect
import sys

import pytest

from mlops_ci.guest.serving.loading import EntryError, arguments, limit_threads, load
from mlops_ci.guest.serving.request import RefusedError


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Writes serve.py (and the modules beside it), and loads it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    app, model = tmp_path / "app", tmp_path / "model"
    model.mkdir()

    def start(text, entry="code/serve.py:load", **files):
        (app / "code").mkdir(parents=True, exist_ok=True)
        for name, content in {"serve": text, **files}.items():
            (app / "code" / f"{name}.py").write_text(content)
        return load(entry, app, model, None)

    return start


def test_a_function_of_the_folder_gives_what_predicts(serve, tmp_path):
    (tmp_path / "model").joinpath("scale.txt").write_text("3")
    predict, _ = serve(
        "from helper import times\ndef load(folder):\n    return times(int((folder / 'scale.txt').read_text()))\n",
        helper="def times(n):\n    return lambda inputs: [n * one for one in inputs]\n",
    )
    assert predict([1, 2]) == [3, 6]


def test_what_a_function_says_it_cannot_answer_is_the_clients(serve):
    predict, _ = serve(
        "def load(folder):\n    def f(inputs):\n        raise ValueError('no such label')\n    return f\n"
    )
    with pytest.raises(RefusedError) as caught:
        predict([1])
    assert (caught.value.status, caught.value.why) == (422, "no such label")


@pytest.mark.parametrize(
    ("text", "entry", "why"),
    [
        ("", "code/other.py:load", "there is no Python file code/other.py"),
        ("", "code/serve.py:load", "has no function or class load"),
        ("def load(folder):\n    return 3\n", "code/serve.py:load", "gave a int"),
        ("def load():\n    return len\n", "code/serve.py:load", "has no parameter `folder`"),
    ],
)
def test_an_entry_that_gives_nothing_to_serve(serve, text, entry, why):
    with pytest.raises(EntryError, match=why):
        serve(text, entry)


def test_a_factory_gets_what_the_models_configuration_has_for_it():
    def build(width, classes=10, *, depth=2, **others):
        """A factory."""

    parameters = inspect.signature(build).parameters
    assert arguments(parameters, {"width": 32, "depth": 3, "unused": 1}, "n.py:build") == {"width": 32, "depth": 3}
    with pytest.raises(EntryError, match=r"asks for width, which config\.json"):
        arguments(parameters, {}, "n.py:build")


def test_predictions_at_once_share_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(8)))
    limit_threads(3)
    assert sys.modules["os"].environ["OMP_NUM_THREADS"] == "2"
