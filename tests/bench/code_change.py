"""Only the code has changed, and the image holds it: what is built, and how many bytes reach the registry."""

from __future__ import annotations

import os
from pathlib import Path

from bench import engine
from bench.traffic import measuring
from support.project import commit

CODE = 5_000_000
ROOM = 1_000_000


def table(folder: Path) -> str:
    """A repository of 5 MB that nothing can compress; the second build follows a changed line of train.py."""
    with measuring() as (address, sent):
        prefix = engine.registry(address)
        settings = engine.settings(folder, prefix)
        project = engine.project(folder / "project", "code = true", 'layer = "python"')
        (project / "weights.bin").write_bytes(os.urandom(CODE))
        commit(project, "a big file")
        engine.run(project, settings, "build")
        whole = sent.bytes
        sent.clear()
        with (project / "train.py").open("a") as file:
            file.write("# changed\n")
        commit(project, "a change")
        images = engine.run(project, settings, "build")["images"]
    size = sum(path.stat().st_size for path in project.rglob("*") if path.is_file() and ".mlops" not in path.parts)
    size -= sum(path.stat().st_size for path in (project / ".git").rglob("*") if path.is_file())
    built = [name for name, image in images.items() if image["built"]]
    return (
        "| what | figure |\n| --- | --- |\n"
        f"| images built | {len(built)} of {len(images)}: {', '.join(built)} |\n"
        f"| size of the code, MB | {size / 1e6:.2f} |\n"
        f"| sent to the registry by the first build, MB | {whole / 1e6:.2f} |\n"
        f"| sent to the registry after the change, MB | {sent.bytes / 1e6:.2f} |\n"
        f"| limit, MB | {(size + ROOM) / 1e6:.2f} |"
    )
