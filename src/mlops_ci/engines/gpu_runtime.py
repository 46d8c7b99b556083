"""How the engine of this machine can hand GPUs to containers, as far as anybody may see: runtimes, a hook, CDI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NVIDIA = "nvidia"
HOOK = "nvidia-container-runtime-hook"
PROGRAMS = (HOOK, "nvidia-container-runtime", "nvidia-ctk")
PLACES = ("/usr/bin", "/usr/local/bin", "/usr/local/nvidia/toolkit")
"""Where the packages and NVIDIA's GPU operator put the toolkit; an engine's own PATH may have them, and ours not."""

SPECIFICATIONS = (Path("/etc/cdi"), Path("/var/run/cdi"))
KIND = "nvidia.com/gpu"
MOST_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class GpuRuntime:
    """NVIDIA's `runtimes` in the engine's list, `programs` of its toolkit, `specifications` of CDI for its GPUs."""

    runtimes: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    specifications: tuple[str, ...] = ()

    @property
    def ways(self) -> tuple[str, ...]:
        """In words, each way for GPUs into a container."""
        hook = any(Path(one).name == HOOK for one in self.programs)
        return (
            *(f"runtime {one}" for one in self.runtimes),
            *(["hook of NVIDIA's toolkit"] if hook else []),
            *(["CDI"] if self.specifications else []),
        )


def gpu_runtime(
    info: Mapping[str, Any],
    *,
    places: Sequence[str] | None = None,
    specifications: Sequence[Path] = SPECIFICATIONS,
) -> GpuRuntime:
    """What there is, with `info` as the engine's answer to `docker info`."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *PLACES] if places is None else places)
    folders = [Path(one) for one in info.get("CDISpecDirs") or ()] or list(specifications)
    return GpuRuntime(
        runtimes=tuple(sorted(_runtimes(info.get("Runtimes") or {}))),
        programs=tuple(filter(None, (shutil.which(one, path=path) for one in PROGRAMS))),
        specifications=tuple(str(path) for folder in folders for path in _specifications(folder)),
    )


def _runtimes(listed: Mapping[str, Any]) -> Iterator[str]:
    for name, row in listed.items():
        if NVIDIA in name or NVIDIA in str((row or {}).get("path", "")):
            yield name


def _specifications(folder: Path) -> Iterator[Path]:
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix in (".yaml", ".yml", ".json"):
                with path.open(errors="replace") as stream:
                    if KIND in stream.read(MOST_BYTES):
                        yield path
    except OSError:
        return
