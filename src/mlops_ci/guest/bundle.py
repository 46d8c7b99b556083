"""Builds the zipapp that travels into the image. Runs on the control side; equal sources give equal bytes.

NVIDIA's binding `pynvml.py` (nvidia-ml-py, BSD licence, its text is in the file) travels along where it is installed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from mlops_ci.guest.files import write_atomic

PACKAGE = "mlops_ci"
GUEST = "mlops_ci/guest"
VENDOR = "mlops_ci/guest/vendor"
EPOCH = (1980, 1, 1, 0, 0, 0)
SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = "import sys\n\nfrom mlops_ci.guest.entry import main\n\nsys.exit(main(sys.argv[1:]))\n"


def build(target: Path) -> Path:
    """Write the zipapp to `target`, unless it is there already with the same content; gives `target`."""
    members = sorted(_members())
    if not _holds(target, members):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, _packed(members), mode=0o755)
    return target


def content() -> bytes:
    """The bytes of the zipapp: a stored date, sorted names, plain modes."""
    return _packed(sorted(_members()))


def _holds(target: Path, members: list[tuple[str, bytes]]) -> bool:
    """Whether the file has these members and nothing else. To unpack it takes a tenth of the time of packing."""
    try:
        with zipfile.ZipFile(target) as archive:
            if archive.namelist() != [name for name, _ in members]:
                return False
            return all(archive.read(name) == data for name, data in members)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return False


def _packed(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    buffer.write(SHEBANG)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o100644 << 16
            info.create_system = 3
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data, compresslevel=9)
    return buffer.getvalue()


def _members() -> Iterator[tuple[str, bytes]]:
    package = Path(__file__).resolve().parents[1]
    yield "__main__.py", MAIN.encode()
    yield f"{PACKAGE}/__init__.py", (package / "__init__.py").read_bytes()
    for root, folders, names in os.walk(package / "guest"):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            if name.endswith((".py", ".json")):
                path = Path(root, name)
                yield f"{PACKAGE}/{path.relative_to(package).as_posix()}", path.read_bytes()
    binding = nvml_binding()
    if binding is not None:
        yield f"{VENDOR}/__init__.py", b'"""Other people\'s modules, unchanged, each with its licence in the file."""\n'
        yield f"{VENDOR}/pynvml.py", binding.read_bytes()


def nvml_binding() -> Path | None:
    """NVIDIA's own `pynvml.py` where it is installed; never the abandoned package of the same module name."""
    try:
        files = importlib.metadata.files("nvidia-ml-py") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = [Path(str(one.locate())) for one in files if one.name == "pynvml.py"]
    return next((path for path in paths if path.is_file()), None)
