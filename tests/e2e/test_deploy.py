"""The stage deploy on a real engine: a published model becomes an image that answers, or no name moves."""

from __future__ import annotations

import io
import json
import secrets
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.commands import image_look
from mlops_ci.config.load import load
from mlops_ci.console import Console
from mlops_ci.engines.docker import DockerEngine
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.images import hardening, transfer
from mlops_ci.images.engine_store import EngineStore
from mlops_ci.providers.local import local_provider
from mlops_ci.publishing.publish import publish
from mlops_ci.records.codec import to_json
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.publish import ModelRef, PublishOutputs
from mlops_ci.run.workspace import Workspace
from mlops_ci.stages import deploy, deployment
from mlops_ci.stages.deploy_smoke import SmokeTestError
from mlops_ci.stages.resolution import resolve
from mlops_ci.stages.session import Session
from mlops_ci.stores.local import LocalStore
from support.fake_registry import FakeClient, fake_registry
from support.heard import Heard
from support.project import CONFIG, make_project
from support.run_folder import a_record, make_run

SERVE = '''"""The weight times each input."""
import torch
from mlops_ci.guest.sdk import load_model


def load(folder):
    state, _ = load_model(folder)
    return lambda inputs: (torch.tensor(inputs, dtype=torch.float64) * state["weight"]).tolist()
'''
DEPLOY = """
[deploy]
entry = "serve.py:load"
layer = "torch"
example = "example.json"
command = "sh handed-on.sh {image}"
"""
COMMAND = 'echo "$1 $MLOPS_MODEL_VERSION $MLOPS_IMAGE_DIGEST" >> handed-on.txt\n'


def weights(value: float) -> bytes:
    """A safetensors file with one number."""
    header = json.dumps({"weight": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<d", value)


class Project:
    """A project whose models are published one by one, and deployed."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self.root = make_project(
            root,
            config=CONFIG + DEPLOY,
            files={"serve.py": SERVE, "handed-on.sh": COMMAND, ".gitignore": ".mlops/\n*.txt\n"},
        )
        self.settings = load(root / "mlops.toml", cwd=root, mode=None, environ=environ)
        self.workspace = Workspace(root=root)
        self.workspace.prepare()
        self.environ = environ
        self.client = FakeClient(models={self.settings.model: {}})
        self.store = LocalStore(self.workspace.store)
        self.sink = Heard()

    def deploy(self, version: str, weight: float, recorded: float) -> Any:
        """Publish a model and its example, make it the champion, and run the stage."""
        folder = self.root / ".mlops" / "made" / version
        folder.mkdir(parents=True)
        files = {
            "model/model.safetensors": weights(weight),
            "model/example.json": json.dumps({"inputs": [1.0, 2.0], "outputs": [recorded, 2 * recorded]}).encode(),
        }
        for name, data in files.items():
            (folder / Path(name).name).write_bytes(data)
        done = publish(
            self.store,
            model=self.settings.model,
            files=[(name, folder / Path(name).name) for name in files],
            lineage={"run": version},
            metrics={},
            evaluation={},
        )
        self.client.models[self.settings.model][version] = {}
        self.client.named = {self.settings.model: {"champion": version}}
        run = make_run(folder, engine="docker")
        model = ModelRef(name=self.settings.model, version=version)
        published = PublishOutputs(model=model, manifest=done.manifest, objects=done.objects)
        promoted = PromoteOutputs(alias="champion", from_=None, to=version)
        run.write(a_record(run, "publish", outputs=to_json(published)))
        run.write(a_record(run, "promote", outputs=to_json(promoted)))
        console = Console(self.sink)
        engine = DockerEngine(project=self.root, console=console)
        with ExitStack() as stack:
            session = Session(
                settings=self.settings,
                workspace=self.workspace,
                provider=local_provider({}, io.StringIO()),
                console=console,
                engine=engine,
                resolution=resolve(self.settings, self.workspace, engine),
                run=run,
                stack=stack,
                environ=self.environ,
            )
            session.__dict__.update(store=self.store, tracking_uri="https://mlflow.example")
            return deploy.run(session)

    def image(self, tag: str) -> dict[str, Any] | None:
        """What the engine has under a name that people follow."""
        return DockerSocket().image(f"mlops-ci/{self.settings.name}/serve:{tag}")


@pytest.fixture
def serving(
    tmp_path: Path, docker_settings: dict[str, str], scanned: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    environ = {
        **docker_settings,
        **scanned,
        "PATH": "/usr/bin:/bin",
        "MLOPS_CI_PROJECT__NAME": f"served-{secrets.token_hex(4)}",
        "MLOPS_CI_DEPLOY__START": "60",
    }
    monkeypatch.setenv("DOCKER_HOST", docker_settings["DOCKER_HOST"])
    project = Project(tmp_path / "project", environ)
    monkeypatch.setattr(deployment, "ModelRegistry", lambda *_: fake_registry(project.client))
    yield project
    quiet = Console(Heard())
    for one in ("v1", "v2", "current"):
        if found := project.image(one):
            for name in found["RepoTags"]:
                transfer.remove(name, quiet)


def test_a_champion_is_served_by_an_image_that_answers_and_one_that_does_not_replaces_nothing(serving: Project):
    done = serving.deploy("1", weight=3.5, recorded=3.5)
    assert done.status == "passed", serving.sink.lines
    out = done.outputs
    assert {one.id: one.status for one in out.smoke} == dict.fromkeys(
        ("health", "predict", "refuse", "metrics", "stop"), "PASS"
    )
    assert (out.version, out.device, out.scan.verdict) == ("1", "the entry's own", "passed")
    image = serving.image("current")
    assert image is not None
    assert image["Id"] == out.image.digest
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["io.mlops-ci.model.version"] == "1"
    assert config["Healthcheck"]["Test"][-1] == "--health"
    assert hardening.breaches(image_look.subject(image["Id"], EngineStore(console=Console(Heard())))) == ()
    handed = (serving.root / "handed-on.txt").read_text().split()
    assert handed == [out.image.pinned, "1", out.image.digest]
    tags = serving.client.models[serving.settings.model]["1"]
    assert (tags["mlops.serving_image"], tags["mlops.serving_digest"]) == (out.image.pinned, out.image.digest)
    assert not list((serving.root / ".mlops" / "made").rglob("fetched")), "no copy of the model travels with the run"

    with pytest.raises(SmokeTestError) as caught:
        serving.deploy("2", weight=3.5, recorded=3.6)
    assert "outputs[0] is 3.5, expected 3.6" in caught.value.cause
    assert caught.value.exit_code == 1
    now = serving.image("current")
    assert now is not None
    assert now["Id"] == image["Id"], "what serves now stays"
    assert serving.image("v2") is None
    assert len((serving.root / "handed-on.txt").read_text().splitlines()) == 1
    assert serving.client.models[serving.settings.model]["2"] == {}
    assert DockerSocket().containers(label="io.mlops-ci.stage=deploy") == []
