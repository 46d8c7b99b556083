"""Libraries on the search path that take the place of those that torch brings along."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mlops_ci.guest.health.check import BLOCK, PASS, WARN, Check
from mlops_ci.guest.health.tables import table

FOREIGN = re.compile(r"^lib(cudnn|cudart|cublas|nccl)\.so\.(\d+)")
COMPAT = re.compile(r"^libcuda\.so\.1$")
MOST = 20


def check_libraries(environment: Mapping[str, str], names: Sequence[str]) -> Iterator[Check]:
    """`names` are those of the GPUs: forward compatibility is for some of them only."""
    folders = [Path(one) for one in environment.get("LD_LIBRARY_PATH", "").split(":")[:MOST] if one]
    foreign = sorted({name for folder in folders for name in _files(folder, FOREIGN)})
    if foreign:
        cause = f"LD_LIBRARY_PATH puts {', '.join(foreign[:3])} in front of the libraries that torch brings along"
        advice = "Take those folders off LD_LIBRARY_PATH, unless torch was built against them."
        yield Check("libraries.foreign", WARN, foreign[0], None, "", cause, advice)
    else:
        yield Check("libraries.foreign", PASS)
    forward = [folder for folder in folders if "compat" in folder.parts and _files(folder, COMPAT)]
    known = table("compatibility")["data_centre"]["names"]
    other = [name for name in names if not any(re.search(rf"\b{one}\b", name) for one in known)]
    if forward and other:
        cause = f"{forward[0]} is on LD_LIBRARY_PATH, and {other[0]} does not support forward compatibility (CUDA 804)"
        yield Check("libraries.compat", BLOCK, str(forward[0]), None, "", cause, "Take it off LD_LIBRARY_PATH.")


def _files(folder: Path, form: re.Pattern[str]) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if form.match(path.name)]
    except OSError:
        return []
