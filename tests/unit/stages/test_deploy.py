"""When the stage deploy does something, and what moves when its command fails or somebody was faster."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mlops_ci.console import Console
from mlops_ci.process import Finished
from mlops_ci.records.deploy import DeployedImage, DeployOutputs
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.deploy import DeploySettings
from mlops_ci.stages import deploy, deployment
from mlops_ci.stages.deployment import DeployCommandError, handed_on
from support.fake_registry import FakeClient, fake_registry
from support.heard import Heard
from support.run_folder import a_record, make_run

MODEL = {"name": "digits", "version": "7"}
OBJECTS = {"count": 1, "bytes": 1, "uploaded": 1, "reused": 0}
PUBLISHED = {"model": MODEL, "manifest": {"store": "s", "key": "k", "sha256": "d"}, "objects": OBJECTS}
SCANNED = ScanOutputs(verdict="passed", parts=(), findings={}, db=None)


def session(tmp_path, *, entry="serve.py:load", engine="docker", **deploying):
    tables = SimpleNamespace(
        deploy=DeploySettings(entry=entry, **deploying),
        tracking=SimpleNamespace(uri="u"),
        publish=SimpleNamespace(store="s"),
        image=SimpleNamespace(registry=None),
    )
    workspace = Workspace(root=tmp_path)
    workspace.prepare()
    return SimpleNamespace(
        run=make_run(tmp_path),
        environ={"PATH": "/bin", "TOKEN": "open-sesame-1", "OTHER": "x"},
        engine=SimpleNamespace(name=engine),
        image_engine=engine,
        made_elsewhere=False,
        provider=SimpleNamespace(local=True),
        console=Console(Heard()),
        workspace=workspace,
        settings=SimpleNamespace(tables=tables, model="digits", root=tmp_path),
        tracking_uri="u",
    )


def promoted(one, **outputs):
    one.run.write(a_record(one.run, "publish", outputs=PUBLISHED))
    one.run.write(a_record(one.run, "promote", outputs={"alias": "champion", "from": "6", "to": "7", **outputs}))
    return one


@pytest.fixture
def client(monkeypatch):
    made = FakeClient(models={"digits": {"6": {}, "7": {}}}, named={"digits": {"champion": "7"}})
    monkeypatch.setattr(deployment, "ModelRegistry", lambda *_: fake_registry(made))
    return made


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"entry": None}, "no [deploy] entry"),
        ({"engine": "host"}, "the engine host builds no images"),
        ({"engine": "inside"}, "the engine inside builds no images"),
    ],
)
def test_where_nothing_can_be_deployed_nothing_is_claimed(tmp_path, how, why):
    done = deploy.run(promoted(session(tmp_path, **how)))
    assert done.status == "skipped"
    assert why in done.reason


def test_only_a_new_champion_is_deployed(tmp_path):
    assert "the champion stays" in deploy.run(promoted(session(tmp_path), to="6")).reason
    waiting = session(tmp_path / "w")
    waiting.run.write(a_record(waiting.run, "publish", outputs=PUBLISHED))
    waiting.run.write(a_record(waiting.run, "promote", status="waiting", reason="a human must approve"))
    assert deploy.run(waiting).reason == "nothing was promoted: a human must approve"


def test_a_version_that_is_not_the_champion_any_more_is_not_served(tmp_path, client):
    client.named["digits"]["champion"] = "8"
    client.models["digits"]["8"] = {}
    done = deploy.run(promoted(session(tmp_path)))
    assert (done.status, done.reason) == (
        "skipped",
        "the champion of digits is version 8 by now: version 7 is not served",
    )


@pytest.fixture
def moved(monkeypatch):
    """The names that were moved."""
    names: list[str] = []
    monkeypatch.setattr(deployment, "tag", lambda _made, name, _session: names.append(name))
    return names


def hand_on(one):
    image = DeployedImage(
        ref="mlops-ci/digits/serve:c-1",
        digest="sha256:1",
        pinned="mlops-ci/digits/serve:c-1",
        content_key="1",
        variant="cpu",
        built=True,
        bytes=1,
    )
    made = SimpleNamespace(image=image, pinned=image.pinned, scan=SCANNED, session=one)
    return handed_on(one, DeployOutputs(model="digits", version="7", image=image), made)


def ending(monkeypatch, code):
    seen = {}

    def run(argv, **options):
        seen.update(argv=argv, **options)
        return Finished(argv=tuple(argv), shown="", exit_code=code, stdout="", stderr="no cluster", seconds=0.0)

    monkeypatch.setattr(deployment.process, "run", run)
    return seen


def test_the_command_gets_the_image_and_no_secret_that_it_was_not_given(tmp_path, client, moved, monkeypatch):
    seen = ending(monkeypatch, 0)
    done = hand_on(session(tmp_path, command="./roll out.sh --image={image}", secrets=("TOKEN",)))
    assert seen["argv"] == ["./roll", "out.sh", "--image=mlops-ci/digits/serve:c-1"]
    assert seen["environment"]["TOKEN"] == "open-sesame-1"
    assert "OTHER" not in seen["environment"]
    assert seen["environment"]["MLOPS_MODEL_VERSION"] == "7"
    assert moved == ["v7", "current"]
    assert client.models["digits"]["7"]["mlops.serving_digest"] == "sha256:1"
    assert done.outputs.image.tags == ("mlops-ci/digits/serve:v7", "mlops-ci/digits/serve:current")


def test_a_command_that_fails_leaves_what_serves_now(tmp_path, client, moved, monkeypatch):
    ending(monkeypatch, 3)
    with pytest.raises(DeployCommandError, match="ended with 3") as caught:
        hand_on(session(tmp_path, command="./rollout.sh"))
    assert caught.value.details == ("no cluster",)
    assert moved == ["v7"]
    assert client.models["digits"]["7"] == {}


def test_who_was_faster_stays_current(tmp_path, client, moved, monkeypatch):
    client.named["digits"]["champion"] = "6"
    assert hand_on(session(tmp_path)).status == "skipped"
    assert moved == ["v7"]
