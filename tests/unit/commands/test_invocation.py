"""What every invocation does before it begins."""

from __future__ import annotations

from types import SimpleNamespace

from mlops_ci.commands.invocation import hide_secrets
from mlops_ci.console import Console
from support.heard import Heard


def test_what_train_secrets_names_is_hidden_whatever_its_name():
    console = Console(sink=Heard())
    settings = SimpleNamespace(
        tables=SimpleNamespace(
            train=SimpleNamespace(secrets=("MY_PASS_PHRASE_X", "NONE")), deploy=SimpleNamespace(secrets=("HUB",))
        )
    )
    hide_secrets(
        console, settings, {"HUB": "open-sesame-1", "MY_PASS_PHRASE_X": "hunter2hunter2", "OTHER": "shown-text"}
    )
    console.say("open-sesame-1 hunter2hunter2 shown-text")
    assert console.sink.lines == ["[mlops-ci] *** *** shown-text"]
    assert set(console.sink.masked) == {"open-sesame-1", "hunter2hunter2"}
