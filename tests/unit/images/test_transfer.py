"""What goes wrong between the builder and the engine is told for what it is."""

from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.images import transfer
from mlops_ci.images.transfer import ImageDiskFullError, ImageLoadError
from mlops_ci.process import Finished
from support.heard import Heard


def said(monkeypatch: pytest.MonkeyPatch, text: str, code: int = 1) -> None:
    finished = Finished(argv=("docker",), shown="docker load", exit_code=code, stdout="", stderr=text, seconds=0.1)
    monkeypatch.setattr(transfer, "_docker", lambda *_: finished)


def test_a_full_disk_says_how_much_was_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(b"x" * 3_000_000)
    said(monkeypatch, "write /var/lib/x: no space left on device")
    with pytest.raises(ImageDiskFullError, match="no space left in the engine for 3 MB") as caught:
        transfer.load(archive, Console(Heard()))
    assert caught.value.exit_code == 10
    assert "docker builder prune" in caught.value.hint


def test_an_archive_that_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, "unexpected EOF")
    with pytest.raises(ImageLoadError) as caught:
        transfer.load(tmp_path / "image.tar", Console(Heard()))
    assert caught.value.details == ("unexpected EOF",)
    said(monkeypatch, "", code=0)
    transfer.load(tmp_path / "image.tar", Console(Heard()))
