"""The base image's pin: moved only to what is old enough, and kept where nobody answers."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import update_bases

from mlops_ci.registry.client import Manifest, RegistryUnreachableError

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PINNED, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BASE = {"name": "debian:bookworm-slim", "digest": PINNED}


class Answers:
    """A registry that gives one answer."""

    def __init__(self, answer: Manifest | Exception | None) -> None:
        self.answer = answer

    def manifest(self, ref: str) -> Manifest | None:
        assert ref == "docker.io/debian:bookworm-slim"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def manifest(digest: str, made: str | None) -> Manifest:
    annotations = {"annotations": {update_bases.CREATED: made}} if made else {}
    data = json.dumps({"manifests": [{"platform": {}, **annotations}]}).encode()
    return Manifest(data=data, kind="index", digest=digest)


@pytest.mark.parametrize(
    ("answer", "digest", "words"),
    [
        (manifest(NEW, "2026-11-10T00:00:00Z"), NEW, f"{PINNED} -> {NEW} (2026-11-10)"),
        (manifest(NEW, "2026-11-22T00:00:00Z"), None, "not 7 days old yet"),
        (manifest(NEW, None), None, "does not say when it was made"),
        (manifest(PINNED, None), None, "is still the newest"),
        (None, None, "does not have that tag any more"),
        (RegistryUnreachableError("no route", hint=""), None, "kept, its registry could not be asked: no route"),
    ],
)
def test_the_pin(answer: Manifest | Exception | None, digest: str | None, words: str) -> None:
    found, said = update_bases.newer_base(Answers(answer), BASE, now=NOW)  # type: ignore[arg-type]
    assert found == digest
    assert words in said


def test_the_pin_stands_in_the_catalogue_once() -> None:
    text = Path(update_bases.CATALOGUE).read_text()
    assert text.count("sha256:") == 1
