"""What a release is made of: the wheel with its checksums and notes, and the tool image."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

from release_facts import RefusedError, Version, notes
from release_git import git

DOCKERFILE = Path("ci", "tool", "Dockerfile")
LOCK = Path("requirements", "tool.lock")
# What users call without a checkout must be in the wheel.
WITHIN = ("mlops_ci/bundle/images/catalogue.toml", "mlops_ci/bundle/ci/gitlab/train.yml")


def build(root: Path, version: Version, output: Path) -> None:
    """The wheel by the locked hatchling, equal bytes for an equal commit; SHA256SUMS; notes.md."""
    text = notes(root, version)
    if not text:
        raise RefusedError(f"CHANGELOG.md has no section on {version}")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    moment = git(root, "log", "-1", "--format=%ct")
    words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(output)]
    around = {**os.environ, "SOURCE_DATE_EPOCH": moment}
    done = subprocess.run(words, cwd=root, env=around, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RefusedError(f"the wheel cannot be built: {done.stderr.strip()}")
    (wheel,) = output.glob("*.whl")
    inspect(wheel, version)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (output / "SHA256SUMS").write_text(f"{digest}  {wheel.name}\n")
    (output / "notes.md").write_text(f"{text}\n")
    print(f"built {wheel.name}, sha256 {digest}")


def inspect(wheel: Path, version: Version) -> None:
    """The wheel is of that version, and holds what users call without a checkout."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        found = Parser().parsestr(archive.read(metadata).decode())["Version"]
    if found != version:
        raise RefusedError(f"{wheel.name} says that it is {found}, not {version}")
    missing = [name for name in WITHIN if name not in names]
    if missing:
        raise RefusedError(f"{wheel.name} lacks {', '.join(missing)}")


def base_image(root: Path) -> str:
    """The catalogue's base image, by its digest."""
    base = tomllib.loads((root / "images" / "catalogue.toml").read_text())["base"]
    return f"{base['name']}@{base['digest']}"


def image_command(root: Path, version: Version, context: Path, name: str, answer: Path) -> list[str]:
    """The call that builds and pushes the tool image from the wheel and the lock."""
    authorities = os.environ.get("SSL_CERT_FILE")
    return [
        *("docker", "buildx", "build", "--push", "--provenance=false", "--platform=linux/amd64"),
        *(("--secret", f"id=ca,src={authorities}") if authorities else ()),
        *("--file", str(root / DOCKERFILE), "--metadata-file", str(answer), "--tag", f"{name}:{version}"),
        *("--build-arg", f"BASE_IMAGE={os.environ.get('BASE_IMAGE') or base_image(root)}"),
        str(context),
    ]


def image(root: Path, version: Version, output: Path, name: str) -> None:
    """Build and push the tool image; its name and digest go to standard output and to the CI job's outputs."""
    if not name:
        raise RefusedError("--name is missing: the image's name with its registry")
    name = name.lower()
    with tempfile.TemporaryDirectory() as folder:
        context, answer = Path(folder, "context"), Path(folder, "answer.json")
        context.mkdir()
        for path in (*output.glob("*.whl"), root / LOCK):
            shutil.copy2(path, context / path.name)
        if subprocess.run(image_command(root, version, context, name, answer), check=False).returncode != 0:
            raise RefusedError("the tool image cannot be built or pushed: see above")
        digest = str(json.loads(answer.read_text())["containerimage.digest"])
    print(f"pushed {name}:{version}, {name}@{digest}")
    if os.environ.get("GITHUB_OUTPUT"):
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as stream:
            stream.write(f"name={name}\ndigest={digest}\n")
