"""The GPUs of this machine that this process may use, by their UUIDs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlops_ci.engines import nvidia_smi
from mlops_ci.guest.visible import VARIABLE, Candidate, named

# `nvidia-smi -L`: "GPU 0: NVIDIA H100 (UUID: GPU-...)"; below it "  MIG 1g.10gb Device 0: (UUID: MIG-...)".
LISTED = re.compile(r"^(?:GPU (?P<index>\d+)|(?P<indent>\s+)MIG)\b.*\(UUID: (?P<uuid>[^)]+)\)\s*$")
DRIVER_FOLDER = Path("/proc/driver/nvidia/gpus")
# The driver shows question marks for a GPU that nobody has opened since boot.
DRIVER_UUID = re.compile(r"^GPU UUID:\s*(?P<uuid>GPU-[0-9a-fA-F-]+)\s*$", re.MULTILINE)


def visible_devices(environ: Mapping[str, str], *, driver_folder: Path = DRIVER_FOLDER) -> tuple[str, ...]:
    """The UUIDs of the GPUs (partitions, where a GPU has been split), fewer where CUDA_VISIBLE_DEVICES says so.

    nvidia-smi is asked first, since only it knows partitions; else the driver's own folder.
    """
    return allowed(listed_devices() or driver_devices(driver_folder), environ.get(VARIABLE))


def listed_devices() -> tuple[Candidate, ...] | None:
    """The GPUs that nvidia-smi lists; None where it does not answer."""
    answer = nvidia_smi.ask("-L")
    return None if answer is None else parse_listing(answer)


def parse_listing(text: str) -> tuple[Candidate, ...]:
    """The GPUs in the output of `nvidia-smi -L`, each with its partitions."""
    found: list[Candidate] = []
    for match in filter(None, map(LISTED.match, text.splitlines())):
        if not match["indent"]:
            found.append(Candidate(int(match["index"]), match["uuid"]))
        elif found:
            found[-1] = replace(found[-1], parts=(*found[-1].parts, match["uuid"]))
    return tuple(found)


def driver_devices(folder: Path) -> tuple[Candidate, ...]:
    """The GPUs in the driver's folder, one subfolder per GPU, by their PCI addresses."""
    texts = [path.read_text(errors="replace") for path in sorted(folder.glob("*/information"))]
    found = enumerate(map(DRIVER_UUID.search, texts))
    return tuple(Candidate(index, match["uuid"]) for index, match in found if match is not None)


def allowed(gpus: tuple[Candidate, ...], shown: str | None) -> tuple[str, ...]:
    """The UUIDs of what CUDA_VISIBLE_DEVICES names; None allows all. A GPU that has partitions is given by them.

    Of several partitions in the list a process sees one, and each of several jobs may have another one: all are given.
    """
    found: list[str] = []
    for one in named(shown, gpus):
        found += [one.part] if one.part else gpus[one.place].parts or (gpus[one.place].uuid,)
    return tuple(found)
