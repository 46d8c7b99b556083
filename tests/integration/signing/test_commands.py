"""`mlops-ci images keys`, `sign` and `verify`, on an image of a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.commands.options import Options
from mlops_ci.commands.signatures import NobodyNamedError, NotInRegistryError, keys, sign, verify
from mlops_ci.signing.errors import SigningKeyMissingError
from support import signing

CONFIG = """[train]
command = "python train.py"
[signing]
key = "env://KEY"
public-key = "keys/cosign.pub"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COSIGN_PASSWORD", "a password")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert keys(tmp_path / "keys") == 0
    monkeypatch.setenv("KEY", (tmp_path / "keys" / "cosign.key").read_text())
    (tmp_path / "mlops.toml").write_text(CONFIG)
    return Options(config=tmp_path / "mlops.toml", json=True)


def test_from_unsigned_to_signed(project: Options, image_registry: str, capsys: pytest.CaptureFixture[str]) -> None:
    image = signing.image(signing.client(Path()), image_registry)
    name = f"{image.partition('@')[0]}:1"
    capsys.readouterr()
    assert verify(project, [name]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["image"], row["exit_code"], "is not signed" in row["why"]) == (image, 1, True)
    assert sign(project, [name]) == 0
    assert f"{image}: signed (key " in capsys.readouterr().out
    assert sign(project, [name]) == 0
    assert "was signed before" in capsys.readouterr().out
    assert verify(project, [name]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["signed_by"].startswith("key ")
    assert verify(project, [name, f"{image_registry}/mirror/debian:bookworm-slim"]) == 1, "the first that has none"


def test_who_is_missing_is_said(project: Options, image_registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotInRegistryError):
        sign(project, [f"{image_registry}/none:1"])
    with pytest.raises(NotInRegistryError):
        verify(project, ["only-in-an-engine:1"])
    monkeypatch.delenv("KEY")
    with pytest.raises(SigningKeyMissingError, match="the variable KEY"):
        sign(project, [f"{image_registry}/none:1"])
    Path("mlops.toml").write_text(CONFIG.partition("[signing]")[0])
    for command in (sign, verify):
        with pytest.raises(NobodyNamedError):
            command(project, ["a"])
