"""The file that `init` writes: commented, loadable, and true about every default."""

from __future__ import annotations

import re

import pytest

from mlops_ci.config.declared import tables
from mlops_ci.config.guess import Guess, ProposedCheck
from mlops_ci.config.template import EXAMPLE, render

SETTING = re.compile(r"^#([a-z][a-z0-9-]* = .*)$", re.MULTILINE)


def test_it_loads_back_to_exactly_the_defaults(folder):
    settings = folder.load(render("digits", "python train.py"))
    plain = folder.load('[project]\nname = "digits"\n[train]\ncommand = "python train.py"\n')
    assert settings.tables == plain.tables


def test_every_commented_default_is_the_default(folder):
    text = render("digits", "python train.py").split("# Overlays for", 1)[0]
    active = "\n".join(
        line if EXAMPLE in line else SETTING.sub(r"\1", line) for line in text.splitlines() if not line.startswith("#:")
    )
    settings = folder.load(active)
    assert settings.tables == folder.load(text).tables
    shown = {key for key, source in settings.sources.items() if source.kind == "file"}
    assert shown == {
        f"{table.name}.{key}"
        for table in tables().values()
        for key, field in table.fields.items()
        if field.default is not None
    } - {"train.params", "train.metrics", "mirrors.images"} | {
        "project.name",
        "train.command",
        "train.params",
        "train.metrics",
        "mirrors.images",
    }


@pytest.mark.parametrize("table", [name for name in tables() if name != "data"])
def test_every_example_is_a_value_that_may_stand_there(folder, table):
    for name in ("requirements.txt", "extra.lock", "serve.py", "serve-requirements.txt"):
        folder.write("", name)
    folder.write("", "Dockerfile")
    folder.write("{}", "notify.json")
    text = render("digits", "python train.py").split("# Overlays for", 1)[0]
    before, rest = text.split(f"\n[{table}]\n")
    inside, *after = re.split(r"(?m)^\[", rest, maxsplit=1)
    data = '\n[data]\npath = "data"\n' if table != "train" else ""
    inside = inside.replace("#email-to = []", '#email-to = ["team@example.com"]')
    document = f"{before}\n[{table}]\n{SETTING.sub(chr(92) + '1', inside)}{''.join(f'[{one}' for one in after)}"
    overlay = '\n[mode.next.image]\nlayer = "torch"\n' if table == "nightly" else ""
    folder.load(document.replace("\n[data]\n", data or "\n[data]\n") + overlay)


def test_the_overlay_at_its_end_is_valid(folder):
    text = render("digits", "python train.py")
    overlay = text.split("# A short training for pull requests:\n")[1].replace("#", "")
    assert folder.load(text + overlay, mode="pr").tables.train.params == {"epochs": 1}


def test_what_was_found_is_set_and_what_is_missing_is_said(folder):
    folder.write("", "requirements.txt")
    found = Guess(
        command="python src/train.py",
        requirements="requirements.txt",
        checks=(
            ProposedCheck(command="ruff check .", package="ruff", installed=True),
            ProposedCheck(command="python -m pytest -q", package="pytest", installed=False),
        ),
        notes=("a note",),
    )
    text = render("digits", found.command, found)
    settings = folder.load(text)
    assert settings.tables.train.command == "python src/train.py"
    assert settings.tables.image.requirements == "requirements.txt"
    assert settings.tables.check.commands == ("ruff check .",)
    assert "python -m pytest -q" in text
    assert "# NOTE: a note" in text


@pytest.mark.parametrize("command", ["python 'my script.py' --re 'a\\d'", 'python "x"', "python ü\t\x7f"])
def test_any_command_survives(folder, command):
    assert folder.load(render("digits", command)).tables.train.command == command


def test_without_a_command_the_usual_one_stands_there(folder):
    assert folder.load(render("x", None)).tables.train.command == "python train.py"


def test_a_folder_with_a_strange_name_gives_a_valid_file(folder):
    assert folder.load(render("My Project (2)", "x")).name == "My-Project-2"


def test_the_first_line_is_for_editors():
    assert render("x", "y").splitlines()[0] == "#:schema .mlops/mlops.schema.json"
    assert render("x", "y", schema="https://schemas.example/a.json").startswith(
        "#:schema https://schemas.example/a.json\n"
    )


def test_no_line_is_too_wide():
    assert max(len(line) for line in render("digits", "python train.py").splitlines()) <= 120
