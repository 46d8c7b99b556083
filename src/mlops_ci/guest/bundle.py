"""Builds the zipapp that travels into the image. Runs on the control side; equal sources give equal bytes.

Beside each source lies its bytecode for the Python that runs here, since what is imported from a zip archive is
compiled anew by each process. Another Python takes the source instead: zipimport looks at the magic number.

NVIDIA's binding `pynvml.py` (nvidia-ml-py, BSD licence, its text is in the file) travels along where it is installed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import marshal
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from mlops_ci.guest.files import write_atomic

PACKAGE = "mlops_ci"
GUEST = "mlops_ci/guest"
VENDOR = "mlops_ci/guest/vendor"
EPOCH = (1980, 1, 1, 0, 0, 0)
SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = "import sys\n\nfrom mlops_ci.guest.entry import main\n\nsys.exit(main(sys.argv[1:]))\n"
# The zip format's own default takes half as long again, for a twentieth less.
COMPRESSION = 3
# Of bytecode that is found by a hash of its source and is not compared with it again (PEP 552).
UNCHECKED = (1).to_bytes(4, "little")
# The last format of `marshal` that does not depend on what else this process holds.
PLAIN = 2


@dataclass(frozen=True, order=True)
class _Member:
    """A file of the zipapp; a module comes from `source` and has its bytecode behind it."""

    name: str
    data: bytes
    source: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, f"{self.name}c") if self.source else (self.name,)

    def files(self) -> Iterator[tuple[str, bytes]]:
        yield self.name, self.data
        if self.source is not None:
            code = marshal.dumps(_placed(_code(self.source), self.name), PLAIN)
            yield f"{self.name}c", self._header + code

    def lies_in(self, archive: zipfile.ZipFile) -> bool:
        """Whether the archive's file is this one, with bytecode of it for this Python."""
        if archive.read(self.name) != self.data:
            return False
        if self.source is None:
            return True
        with archive.open(f"{self.name}c") as bytecode:
            return bytecode.read(len(self._header)) == self._header

    @property
    def _header(self) -> bytes:
        return importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(self.data)


def _code(source: Path) -> CodeType:
    """The module's code, out of the bytecode that Python keeps beside it where there is one."""
    code = SourceFileLoader(source.stem, str(source)).get_code(source.stem)
    if code is None:
        raise ImportError(f"no code in {source}")
    return code


def _placed(code: CodeType, name: str) -> CodeType:
    """The same code with its place in the zipapp as its file, for tracebacks."""
    inner = (_placed(one, name) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_filename=name, co_consts=tuple(inner))


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


def _holds(target: Path, members: list[_Member]) -> bool:
    """Whether the file has these members and nothing else. To unpack it takes a tenth of the time of packing."""
    try:
        with zipfile.ZipFile(target) as archive:
            if archive.namelist() != [name for one in members for name in one.names]:
                return False
            return all(one.lies_in(archive) for one in members)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return False


def _packed(members: list[_Member]) -> bytes:
    buffer = io.BytesIO()
    buffer.write(SHEBANG)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in members:
            for name, data in one.files():
                info = zipfile.ZipInfo(name, EPOCH)
                info.external_attr = 0o100644 << 16
                info.create_system = 3
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, data, compresslevel=COMPRESSION)
    return buffer.getvalue()


def _members() -> Iterator[_Member]:
    package = Path(__file__).resolve().parents[1]
    yield _Member("__main__.py", MAIN.encode())
    yield _module(f"{PACKAGE}/__init__.py", package / "__init__.py")
    for root, folders, names in os.walk(package / "guest"):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = Path(root, name)
            member = f"{PACKAGE}/{path.relative_to(package).as_posix()}"
            if name.endswith(".py"):
                yield _module(member, path)
            elif name.endswith(".json"):
                yield _Member(member, path.read_bytes())
    binding = nvml_binding()
    if binding is not None:
        about = b'"""Other people\'s modules, unchanged, each with its licence in the file."""\n'
        yield _Member(f"{VENDOR}/__init__.py", about)
        yield _module(f"{VENDOR}/pynvml.py", binding)


def _module(name: str, source: Path) -> _Member:
    return _Member(name, source.read_bytes(), source)


def nvml_binding() -> Path | None:
    """NVIDIA's own `pynvml.py` where it is installed; never the abandoned package of the same module name."""
    try:
        files = importlib.metadata.files("nvidia-ml-py") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = [Path(str(one.locate())) for one in files if one.name == "pynvml.py"]
    return next((path for path in paths if path.is_file()), None)
