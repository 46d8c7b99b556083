"""Projects, settings and tiny packages for tests of images and environments."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.images import catalogue
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.settings.image import ImageSettings
from mlops_ci.settings.mirrors import MirrorSettings
from mlops_ci.settings.project import ProjectSettings
from mlops_ci.settings.settings import Settings, Tables
from mlops_ci.settings.train import TrainSettings


def make_settings(
    root: Path, *, name: str = "demo", image: Mapping[str, Any] | None = None, mirrors: Mapping[str, Any] | None = None
) -> Settings:
    """Settings with these values in `[image]` and `[mirrors]`, and the defaults for all others."""
    return Settings(
        root=root,
        file=None,
        mode=None,
        tables=Tables(
            project=ProjectSettings(name=name),
            image=ImageSettings(**(image or {})),
            mirrors=MirrorSettings(**(mirrors or {})),
            train=TrainSettings(command="python train.py"),
        ),
    )


@dataclass
class KnownImages:
    """A lookup over a dictionary, which counts the questions."""

    known: dict[str, ImageFacts] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, ref: str) -> ImageFacts | None:
        self.asked.append(ref)
        return self.known.get(ref)


def write_wheel(folder: Path, name: str, version: str, *, files: Mapping[str, str], tag: str = "py3-none-any") -> Path:
    """A real wheel with these files in it; `entry` as a key of `files` stands for entry_points.txt."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    content = {path: text for path, text in files.items() if path != "entry"}
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if "entry" in files:
        content[f"{info}/entry_points.txt"] = files["entry"]
    lines = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return target


def locked(wheel: Path) -> str:
    """The line of a lock for a wheel."""
    name, version = wheel.name.split("-")[:2]
    return (
        f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    )


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def copy_catalogue(target: Path) -> Path:
    """A copy of the catalogue's folder that may be changed; its many locks are links, which may be taken away."""

    def copy(source: str, copied: str) -> str:
        if source.endswith(".lock"):
            os.symlink(source, copied)
            return copied
        return shutil.copyfile(source, copied)

    return Path(shutil.copytree(catalogue.load().folder, target, copy_function=copy))
