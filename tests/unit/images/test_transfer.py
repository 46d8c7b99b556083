"""What goes wrong between the builder and the engine is told for what it is."""

from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.errors import MlopsError
from mlops_ci.images import transfer
from mlops_ci.images.transfer import ImageDiskFullError, ImageLoadError, ImagePushError, TransferRefusedError
from mlops_ci.network import RetryPolicy
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


@pytest.mark.parametrize(
    ("text", "kind", "tries"),
    [
        ("unauthorized: authentication required", TransferRefusedError, 1),
        ("denied: requested access to the resource is denied", TransferRefusedError, 1),
        ("toomanyrequests: retry later", ImagePushError, 3),
        ("received unexpected HTTP status: 500 Internal Server Error", ImagePushError, 3),
        ("manifest invalid: unexpected end of JSON input", ImagePushError, 3),
        ("write /docker/tmp/x: no space left on device", ImageDiskFullError, 1),
    ],
)
def test_what_a_registry_says_to_a_push_is_told_for_what_it_is(
    monkeypatch: pytest.MonkeyPatch, text: str, kind: type[MlopsError], tries: int
) -> None:
    monkeypatch.setattr(transfer, "POLICY", RetryPolicy(attempts=3, first_wait=0.001))
    asked: list[list[str]] = []
    finished = Finished(argv=("docker",), shown="docker push", exit_code=1, stdout="", stderr=text, seconds=0.1)
    monkeypatch.setattr(transfer, "_docker", lambda words, _: (asked.append(words), finished)[1])
    with pytest.raises(kind) as caught:
        transfer.push("r.invalid/a:c-1", Console(Heard()))
    assert caught.value.exit_code == 10
    assert caught.value.hint
    assert len(asked) == tries, "only what may pass is tried again"


def test_a_pull_that_fills_the_disk_is_no_network_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, "failed to register layer: write /usr/lib/x: no space left on device")
    with pytest.raises(ImageDiskFullError, match=r"no space left in the engine for r\.invalid/a:c-1") as caught:
        transfer.pull("r.invalid/a:c-1", Console(Heard()))
    assert "docker builder prune" in caught.value.hint
