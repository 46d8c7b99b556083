"""The GPUs of this machine that this process may use, by their UUIDs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mlops_ci import process

# `nvidia-smi -L`: "GPU 0: NVIDIA H100 (UUID: GPU-...)"; below it "  MIG 1g.10gb Device 0: (UUID: MIG-...)".
LISTED = re.compile(r"^(?P<indent>\s*)(?:GPU|MIG)\b.*\(UUID: (?P<uuid>[^)]+)\)\s*$")
DRIVER_FOLDER = Path("/proc/driver/nvidia/gpus")
# The driver shows question marks for a GPU that nobody has opened since boot.
DRIVER_UUID = re.compile(r"^GPU UUID:\s*(?P<uuid>GPU-[0-9a-fA-F-]+)\s*$", re.MULTILINE)
PATIENCE = 30.0


def visible_devices(environ: Mapping[str, str], *, driver_folder: Path = DRIVER_FOLDER) -> tuple[str, ...]:
    """The UUIDs of the GPUs (partitions, where a GPU has been split), fewer where CUDA_VISIBLE_DEVICES says so.

    nvidia-smi is asked first, since only it knows partitions; else the driver's own folder.
    """
    try:
        answer = process.run(["nvidia-smi", "-L"], timeout=PATIENCE, check=False)
        listed = parse_listing(answer.stdout) if answer.exit_code == 0 else ()
    except process.ProgramMissingError:
        listed = ()
    return allowed(listed or driver_devices(driver_folder), environ.get("CUDA_VISIBLE_DEVICES"))


def parse_listing(text: str) -> tuple[str, ...]:
    """The UUIDs in the output of `nvidia-smi -L`; a GPU that has partitions is represented by them."""
    found: list[str] = []
    whole = False
    for match in filter(None, map(LISTED.match, text.splitlines())):
        if match["indent"] and whole:
            found.pop()
        whole = not match["indent"]
        found.append(match["uuid"])
    return tuple(found)


def driver_devices(folder: Path) -> tuple[str, ...]:
    """The UUIDs in the driver's folder, one subfolder per GPU, by their PCI addresses."""
    texts = (path.read_text(errors="replace") for path in sorted(folder.glob("*/information")))
    return tuple(match["uuid"] for match in map(DRIVER_UUID.search, texts) if match is not None)


def allowed(devices: tuple[str, ...], visible: str | None) -> tuple[str, ...]:
    """Those of `devices` that CUDA_VISIBLE_DEVICES names, by index or by the beginning of a UUID; None allows all.

    As in CUDA, the list ends at the first name that fits no device.
    """
    if visible is None:
        return devices
    chosen: list[str] = []
    for word in filter(None, (part.strip() for part in visible.split(","))):
        if word.isdigit():
            fitting = devices[int(word) : int(word) + 1]
        else:
            fitting = tuple(device for device in devices if device.startswith(word))
        if len(fitting) != 1:
            break
        chosen += fitting
    return tuple(dict.fromkeys(chosen))
