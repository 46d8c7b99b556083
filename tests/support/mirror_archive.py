"""Small archives of `mlops-ci mirror`, written from bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlops_ci.images import host_python
from mlops_ci.mirroring.index import DATABASE, TOOL, WHEEL, DatabaseEntry, Index, Member
from mlops_ci.mirroring.writing import Source, write

from . import trivy_db
from .image_projects import write_wheel

KINDS = {"wheels": WHEEL, "tool": TOOL, "trivy": DATABASE}


def write_archive(target: Path, files: Mapping[str, Path], **fields: object) -> Index:
    """An archive of these files, by their path in it."""
    sources = {path: Source(path=file, size=file.stat().st_size) for path, file in files.items()}
    members = tuple(
        Member(
            path=path,
            bytes=file.stat().st_size,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            kind=KINDS.get(path.split("/")[0], "other"),
            name=file.stem,
            version="1",
        )
        for path, file in sorted(files.items())
    )
    index = Index(
        version="0",
        project="demo",
        engine="host",
        variant="cpu",
        python=host_python.version(),
        platform="any",
        members=members,
    )
    index = replace(index, **fields)
    write(target, index, sources)
    return index


def small_archive(folder: Path) -> Path:
    """Two wheels, one for two names of the same distribution, the tool's wheel and a database."""
    wheels = folder / "made"
    files = {
        f"wheels/{wheel.name}": wheel
        for wheel in (
            write_wheel(wheels, "one", "1.0", files={"one.py": "a = 1\n"}),
            write_wheel(wheels, "Two_Words", "2.0+cpu", files={"two.py": "a = 2\n"}),
        )
    }
    tool = write_wheel(folder / "tool", "mlops-ci", "0.1.0", files={"x.py": ""})
    database = trivy_db.write_database(folder / "made-cache")
    files |= {f"tool/{tool.name}": tool} | {f"trivy/{name}": database / name for name in ("trivy.db", "metadata.json")}
    digest = hashlib.sha256((database / "trivy.db").read_bytes()).hexdigest()
    built = trivy_db.json.loads((database / "metadata.json").read_text())["UpdatedAt"]
    target = folder / "site.tar"
    write_archive(target, files, database=DatabaseEntry(built_at=built, sha256=digest))
    return target
