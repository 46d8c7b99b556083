"""The image that this process runs in, as far as it can be told from inside: its Python, its content, its digest."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import MissingError, UsageError
from mlops_ci.files import digest_of

DIGEST_VARIABLE = "MLOPS_IMAGE_DIGEST"
# What a rendered CI file sets: the image as the job names it, with or without a digest.
JOB_IMAGE_VARIABLE = "MLOPS_JOB_IMAGE"
DIGEST = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64})$")
PYTHONS = ("python3", "python")
# The lists that package managers keep of what they have installed.
INSTALLED = ("etc/os-release", "var/lib/dpkg/status", "lib/apk/db/installed", "var/lib/rpm/rpmdb.sqlite")
# File systems that container runtimes put a root together with; a virtual machine around a pod has others.
LAYERED = frozenset({"overlay", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs"})
POD_VARIABLE = "KUBERNETES_SERVICE_HOST"
MOUNTS = Path("/proc/self/mountinfo")
# Fields of a line before the dash: the fifth is the mount point. After it comes the type.
POINT = 4
ASK = """
import json, os, sys, sysconfig
folders = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
listed = {name for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)}
names = sorted(name for name in listed if name.endswith((".dist-info", ".egg-info")))
print(json.dumps({"version": sys.version, "folder": folders[0], "packages": names}))
"""
ASK_TIMEOUT = 60.0


class DigestFormatError(UsageError):
    """What the job was told of its image is no digest."""


class NoPythonError(MissingError):
    """The image that we are in has no Python that starts."""


@dataclass(frozen=True, kw_only=True)
class ImagePython:
    """The image's own interpreter: `folder` is where its packages are installed, `packages` are their names."""

    path: Path
    version: str
    folder: str
    packages: tuple[str, ...]


def interpreter(path: str | None = None) -> Path:
    """The image's Python: the first on PATH, which is not ours where a CI job installed us beside it; else ours."""
    search = os.environ.get("PATH") if path is None else path
    found = next((one for name in PYTHONS if (one := shutil.which(name, path=search))), sys.executable)
    return Path(found).absolute()


@cache
def image_python(path: Path) -> ImagePython:
    """What that interpreter says of itself. Raises `NoPythonError` when it does not start."""
    done = process.run([path, "-I", "-c", ASK], timeout=ASK_TIMEOUT, check=False)
    if done.exit_code != 0 or done.timed_out:
        raise NoPythonError(
            f"{path} does not start (exit code {done.exit_code})",
            hint="the engine inside runs jobs with the first python3 on PATH: put the image's own there",
            details=done.tail(5),
        )
    said = json.loads(done.stdout)
    return ImagePython(
        path=path, version=said["version"], folder=said["folder"], packages=tuple(map(str, said["packages"]))
    )


def told_digest(environ: Mapping[str, str]) -> str:
    """The digest that the job was told of its image, or an empty string where nobody pinned it.

    Raises `DigestFormatError` when `MLOPS_IMAGE_DIGEST` holds something else.
    """
    given = environ.get(DIGEST_VARIABLE, "")
    if given:
        match = DIGEST.search(given)
        if match is None:
            raise DigestFormatError(
                f"{DIGEST_VARIABLE} is {given!r}, which names no digest",
                hint="write it as sha256:... or as image@sha256:...",
            )
        return match[1]
    pinned = DIGEST.search(environ.get(JOB_IMAGE_VARIABLE, ""))
    return pinned[1] if pinned is not None else ""


def content_digest(python: ImagePython, root: Path = Path("/")) -> str:
    """What tells two images apart that nobody named: the packages of the system and of the interpreter."""
    system = {name: _sha256(root / name) for name in INSTALLED}
    return digest_of({"system": system, "python": python.version, "packages": list(python.packages)})


def in_container(environ: Mapping[str, str], mounts: str | None = None) -> bool:
    """Whether the root file system is a container's: it is the image then, and is scanned as one."""
    kinds = dict(_mounts(MOUNTS.read_text() if mounts is None else mounts))
    return POD_VARIABLE in environ or kinds.get("/") in LAYERED


def mounted(mounts: str | None = None) -> tuple[str, ...]:
    """Where other file systems hang in the root: they are volumes of the job, no part of its image."""
    found = {point for point, _ in _mounts(MOUNTS.read_text() if mounts is None else mounts)} - {"/"}
    return tuple(sorted(found))


def without_ours(search: str) -> str:
    """A PYTHONPATH without the folder that we are imported from: a CI job's launcher puts it there for us alone."""
    ours = Path(__file__).resolve().parents[2]
    kept = [one for one in search.split(os.pathsep) if one and Path(one).resolve() != ours]
    return os.pathsep.join(kept)


def _mounts(text: str) -> Sequence[tuple[str, str]]:
    """Mount points and file system types of a mountinfo; of several at one point the last one covers the others."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) > POINT and kinds[0]:
            found.append((fields[POINT].encode().decode("unicode_escape"), kinds[0]))
    return found


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
