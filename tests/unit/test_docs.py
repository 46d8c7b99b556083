"""What the docs quote is what there is: files, settings, messages, commands."""

from __future__ import annotations

import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from mlops_ci import pipeline
from mlops_ci.cli import main_group
from mlops_ci.config.load import load
from mlops_ci.cron import parse as parse_cron
from mlops_ci.settings.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SHOWN = {
    "recipes/crontab.md": ("crontab/crontab", "crontab/night.sh"),
    "recipes/jenkins.md": ("jenkins/Jenkinsfile",),
    "ci/github.md": ("github/train.yml", "github/retry.yml"),
    "ci/gitlab.md": ("gitlab/.gitlab-ci.yml",),
    "health-check.md": ("github/fleet.yml",),
    "images.md": ("github/refresh.yml",),
    "models.md": ("github/rollback.yml",),
    "nightly.md": ("github/decay.yml",),
    "scanning.md": ("github/rescan.yml",),
    "ci/runners.md": ("runner/mlops.toml", "runner/job-started.sh", "runner/arc-values.yaml"),
}
CALLING = ("crontab/crontab", "crontab/night.sh", "jenkins/Jenkinsfile", "runner/job-started.sh")
SYMPTOM = re.compile(r"^\| `([^`]+)`", re.MULTILINE)
COMMAND = re.compile(r"\bmlops-ci ((?:[a-z][a-z-]*|--[a-z-]+(?:[ =](?:nightly|latest|main|weekly))?| )+)")


@cache
def said() -> str:
    """The source and its data, without backquotes, with `...` where something is filled in, literals joined."""
    files = (path for kind in ("*.py", "*.toml") for path in sorted((ROOT / "src" / "mlops_ci").rglob(kind)))
    text = re.sub(r"\{[^{}\n]*\}", "...", "\n".join(path.read_text() for path in files))
    return re.sub(r"`|\"\s*\n\s*f?\"", "", text)


def settings_of(path: Path) -> Settings:
    return load(path, cwd=path.parent, mode=None, environ={})


def block(page: str, kind: str, begins: str = "") -> str:
    """The first code block of that kind on a page."""
    pattern = re.compile(rf"^```{kind}\n({re.escape(begins)}.*?)^```$", re.MULTILINE | re.DOTALL)
    found = pattern.search((DOCS / page).read_text())
    assert found, page
    return found[1]


@pytest.mark.parametrize(("page", "name"), [(page, name) for page, names in SHOWN.items() for name in names])
def test_a_page_shows_the_very_file(page: str, name: str):
    text = (ROOT / "examples" / name).read_text()
    assert f"\n{text.rstrip()}\n```" in (DOCS / page).read_text()


def test_the_migrated_configuration_is_one(tmp_path: Path):
    (tmp_path / "mlops.toml").write_text(block("migrate.md", "toml", "# mlops.toml"))
    (tmp_path / "requirements.txt").write_text("numpy\n")
    tables = settings_of(tmp_path / "mlops.toml").tables
    assert tables.train.command == "python train.py --epochs {params.epochs} --data {data}"
    assert tables.evaluate.floor == pytest.approx(0.95)


def test_the_configuration_of_the_health_hook_is_one():
    tables = settings_of(ROOT / "examples" / "runner" / "mlops.toml").tables
    assert (tables.train.gpus, tables.verify.fail_on) == (1, "degraded")


def test_the_example_of_several_processes_asks_for_them_and_its_command_names_no_launcher():
    train = settings_of(ROOT / "examples" / "ddp" / "mlops.toml").tables.train
    assert (train.processes, train.nodes) == (2, 1)
    assert "torchrun" not in train.command


def test_snippets_are_what_they_look_like():
    executor = tomllib.loads(block("ci/runners.md", "toml", "# Kubernetes"))
    assert executor["runners"][0]["kubernetes"]["privileged"] is False
    values = YAML(typ="safe", pure=True).load((ROOT / "examples" / "runner" / "arc-values.yaml").read_text())
    (container,) = values["template"]["spec"]["containers"]
    assert container["securityContext"]["runAsNonRoot"] is True
    assert container["image"].endswith(container["env"][0]["value"])
    assert YAML(typ="safe", pure=True).load(block("migrate.md", "yaml"))["jobs"]


@pytest.mark.parametrize("symptom", SYMPTOM.findall((DOCS / "troubleshooting.md").read_text()))
def test_a_symptom_is_something_that_the_tool_says(symptom: str):
    """Words stand in the source, `...` for what is filled in there; one word is a class of a failure."""
    pages = [(DOCS / "reference" / name).read_text() for name in ("errors.md", "failure-classes.md")]
    assert symptom in said() if " " in symptom else any(f"| `{symptom}` |" in page for page in pages)


@pytest.mark.parametrize("name", CALLING)
def test_every_command_of_an_example_is_one_of_ours(name: str):
    text = re.sub(r"^\s*(#|//).*$", "", (ROOT / "examples" / name).read_text(), flags=re.MULTILINE)
    commands = [shlex.split(found) for found in COMMAND.findall(text)]
    assert commands
    for words in commands:
        command: click.Command = main_group
        while isinstance(command, click.Group) and words:
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, (name, words)
            command = found
        options = {option for one in command.params for option in one.opts}
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= options, (name, words)


def test_the_crontab_says_when():
    lines = (ROOT / "examples" / "crontab" / "crontab").read_text().splitlines()
    times = [" ".join(line.split()[:5]) for line in lines if re.match(r"[\d*]", line)]
    assert len(times) == 2
    for one in times:
        parse_cron(one)


def test_the_jenkinsfile_runs_every_stage_once_and_closes_what_it_opens():
    text = (ROOT / "examples" / "jenkins" / "Jenkinsfile").read_text()
    stages = " ".join(re.findall(r"mlops-ci run ([a-z ]+)'", text)).split()
    assert tuple(stages) == pipeline.NAMES
    code = re.sub(r"'[^']*'|^\s*//.*$", "", text, flags=re.MULTILINE)
    for opening, closing in ("{}", "()", "[]"):
        assert code.count(opening) == code.count(closing)
