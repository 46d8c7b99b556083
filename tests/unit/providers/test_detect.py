"""Which provider this process runs under, and the little that Argo offers."""

from __future__ import annotations

import io

import pytest

from mlops_ci.console import NullSink
from mlops_ci.errors import UsageError
from mlops_ci.providers.detect import MAKERS, detect


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "local"),
        ({"CI": "true"}, "local"),
        ({"GITHUB_ACTIONS": "true"}, "github"),
        ({"GITHUB_ACTIONS": "false"}, "local"),
        ({"GITLAB_CI": "true"}, "gitlab"),
        ({"GITLAB_CI": "false"}, "local"),
        ({"ARGO_NODE_ID": "x"}, "argo"),
        ({"ARGO_TEMPLATE": "{}"}, "argo"),
        ({"ARGO_SERVER": "argo.example:2746", "ARGO_TOKEN": "x"}, "local"),
        ({"GITHUB_ACTIONS": "true", "MLOPS_CI_PROVIDER": "local"}, "local"),
        ({"GITLAB_CI": "false", "MLOPS_CI_PROVIDER": "gitlab"}, "gitlab"),
        ({"GITLAB_CI": "true", "MLOPS_CI_PROVIDER": ""}, "gitlab"),
    ],
)
def test_detection(environ, name):
    made = detect(environ, io.StringIO())
    assert made.name == name
    assert made.local is (name == "local" and environ.get("CI") != "true")


def test_a_wrong_name_lists_the_right_ones():
    with pytest.raises(UsageError) as caught:
        detect({"MLOPS_CI_PROVIDER": "gitub"}, io.StringIO())
    assert caught.value.exit_code == 2
    assert "did you mean `github`?" in caught.value.cause
    assert "local, github, gitlab, argo" in caught.value.hint


@pytest.mark.parametrize("name", MAKERS)
def test_every_provider_does_everything(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = detect({"MLOPS_CI_PROVIDER": name, "MLOPS_CI_ARGO_OUTPUTS": str(tmp_path / "argo")}, io.StringIO())
    made.set_output("name", "value")
    made.summary("### text")
    assert dict(made.links()) == {}
    assert made.attempt() is None
    assert len(made.trusted()) == 2
    sink = made.sink
    sink.line("::x")
    sink.open_fold("a", "b")
    sink.close_fold("a")
    sink.annotate("notice", "t", "x")
    sink.mask("secret-word")
    sink.flush()
    assert set(dir(NullSink())) <= set(dir(sink))


def test_argo_reads_outputs_from_files(tmp_path):
    made = detect(
        {"ARGO_NODE_ID": "x", "MLOPS_CI_ARGO_OUTPUTS": str(tmp_path / "out"), "MLOPS_CI_ATTEMPT": "1"}, io.StringIO()
    )
    made.set_output("result-json", '{"a": 1}')
    made.set_output("../evil", "x")
    made.summary("### text")
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "result-json": '{"a": 1}',
        "---evil": "x",
        "summary.md": "### text",
    }
    assert made.attempt() == "1"
