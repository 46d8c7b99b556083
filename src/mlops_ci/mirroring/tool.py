"""The tool's own wheel: built from the checkout that it runs from, else put together again from what is installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import sys
import zipfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import MissingError
from mlops_ci.resources import CHECKOUT

DISTRIBUTION = "mlops-ci"
# What an installer adds to a wheel's files.
INSTALLERS = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD")
MOMENT = (1980, 1, 1, 0, 0, 0)


class ToolWheelError(MissingError):
    """The tool's own wheel cannot be made from this installation."""


def tool_wheel(folder: Path) -> Path:
    """The wheel of the very code that runs, in `folder`. Raises `ToolWheelError`."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    if (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "src" / "mlops_ci").is_dir():
        return _built(folder)
    return _repacked(folder)


def _built(folder: Path) -> Path:
    if find_spec("hatchling") is None:
        raise ToolWheelError(
            "the tool runs from a checkout, and hatchling, which builds its wheel, is not installed",
            hint="`pip install hatchling`, or install the tool from its lock or its wheel",
        )
    process.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder.resolve()],
        cwd=CHECKOUT,
        leashed=True,
    )
    return next(folder.glob("*.whl"))


def _repacked(folder: Path) -> Path:
    """A wheel of the installed files, each as its installer recorded it."""
    found = metadata.distribution(DISTRIBUTION)
    files = {
        str(file): Path(str(file.locate())).read_bytes()
        for file in found.files or ()
        if not str(file).startswith("..") and file.suffix != ".pyc" and file.name not in INSTALLERS
    }
    info = next((name.split("/")[0] for name in files if name.endswith(".dist-info/WHEEL")), None)
    if info is None:
        raise ToolWheelError("the tool's installation lists no files", hint="install mlops-ci again from its wheel")
    record = f"{info}/RECORD"
    files[record] = _record(files, record)
    target = folder / f"{info.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files, key=lambda one: (one.startswith(info), one)):
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(entry, files[name])
    return target


def _record(files: dict[str, bytes], own: str) -> bytes:
    """The list of files with hashes (Binary distribution format, "The .dist-info directory")."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for name in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        rows.writerow((name, f"sha256={digest}", len(files[name])))
    rows.writerow((own, "", ""))
    return text.getvalue().encode()
