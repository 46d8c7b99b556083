"""The driver: whether it answers, what it is, and the GPUs that it shows. Its errors are told apart by their class."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.guest.health.card import Card, GoneError, asked
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check
from mlops_ci.guest.health.static.all import lost
from mlops_ci.guest.health.tables import table
from mlops_ci.guest.sampling.nvml import BUNDLED, LIBRARY
from mlops_ci.guest.visible import VARIABLE, Candidate, visible

LIBRARY_NOT_FOUND = 12
NO_BINDING = -1
MOST_GPUS = 64
"""More than any machine has."""

ABANDONED = ("nvidia-ml-py3", "py3nvml")
"""Packages that bring another module `pynvml`, the last of them of 2017."""

Note = Callable[[str], None]


@dataclass(frozen=True)
class Driver:
    """An open driver, or none: `code` is then NVML's error number, and `reason` its words."""

    binding: Any = None
    code: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Listed:
    """A GPU that the driver shows."""

    index: int
    uuid: str
    name: str
    bus: str
    capability: tuple[int, int] | None
    parts: tuple[str, ...] = ()


def open_driver(note: Note) -> Driver:
    """NVML through the binding of this bundle, else the image's."""
    note("nvmlInit")
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        return Driver(code=LIBRARY_NOT_FOUND, reason=str(error))
    for name in (BUNDLED, "pynvml"):
        try:
            binding = importlib.import_module(name)
        except Exception:
            continue
        try:
            binding.nvmlInit()
        except binding.NVMLError as error:
            return Driver(code=int(error.value), reason=str(error))
        except Exception as error:
            return Driver(code=999, reason=f"{type(error).__name__}: {error}")
        return Driver(binding=binding)
    return Driver(code=NO_BINDING, reason="no NVML binding (nvidia-ml-py) in this bundle or image")


def present(driver: Driver, *, nodes: int, note: Note) -> Check:
    """Whether the driver answers. `nodes` is the count of /dev/nvidia0, /dev/nvidia1 ..."""
    if driver.binding is not None:
        version = asked(driver.binding, "nvmlSystemGetDriverVersion", note=note)
        return Check("driver.present", PASS, text(version.value) or None, evidence=version.reason)
    if driver.code == NO_BINDING:
        return Check("driver.present", SKIP, cause=driver.reason)
    if driver.code == LIBRARY_NOT_FOUND and nodes:
        cause = f"{nodes} GPU device nodes are here, and the driver's library for looking at them is not"
        advice = "Set NVIDIA_DRIVER_CAPABILITIES=compute,utility for the container."
        return Check("driver.present", WARN, 0, None, "", cause, advice, evidence=driver.reason)
    if driver.code == LIBRARY_NOT_FOUND:
        cause = "no NVIDIA driver, or a container that was started without GPUs"
        advice = "Start the container with GPUs (--gpus, a CDI device, or the resource of Kubernetes)."
        return Check("driver.present", BLOCK, 0, None, "", cause, advice, evidence=driver.reason)
    known = table("nvml-errors")
    rule = known["init"].get(str(driver.code), known["other"])
    return Check(
        "driver.present", rule["status"], driver.code, None, "", rule["cause"], rule["advice"],
        node=rule["node"], evidence=driver.reason,
    )  # fmt: skip


def versions(driver: Driver, note: Note) -> tuple[str, int | None]:
    """The driver's version, and the newest CUDA that it runs, as 13000 for 13.0."""
    if driver.binding is None:
        return "", None
    cuda = asked(driver.binding, "nvmlSystemGetCudaDriverVersion_v2", note=note)
    version = asked(driver.binding, "nvmlSystemGetDriverVersion", note=note)
    return text(version.value), cuda.value if isinstance(cuda.value, int) else None


def listed(driver: Driver, note: Note) -> tuple[list[Listed], list[Check]]:
    """The GPUs that the driver shows, in the order of the PCI bus; and those that are lost."""
    found: list[Listed] = []
    gone: list[Check] = []
    if driver.binding is None:
        return found, gone
    count = int(asked(driver.binding, "nvmlDeviceGetCount", note=note).value or 0)
    if count > MOST_GPUS:
        cause = f"the driver says that there are {count} GPUs: its answer is garbage"
        gone.append(
            Check("driver.answers.node", BLOCK, count, MOST_GPUS, "GPUs", cause, "Reboot this node.", node=True)
        )
        return found, gone
    for index in range(count):
        try:
            card = open_card(driver, index, {}, note)
        except GoneError as error:
            gone.append(lost(error))
            continue
        if isinstance(card, Card):
            parts = tuple(uuid for _, uuid in card.parts)
            found.append(Listed(index, card.whole, card.name, card.bus, card.capability, parts))
        else:
            gone.append(card)
    return found, gone


def open_card(
    driver: Driver, index: int, limits: Mapping[str, float], note: Note, environment: Mapping[str, str] | None = None
) -> Card | Check:
    """The GPU of that number, or what is wrong with it; raises `GoneError`."""
    binding = driver.binding
    handle = asked(binding, "nvmlDeviceGetHandleByIndex", index, note=note)
    if not handle.there:
        cause = f"GPU {index} cannot be opened: {handle.reason}"
        return Check("gpu.lost", BLOCK, cause=cause, advice="Have this node looked at; reboot it.", node=True)
    card = Card(binding, handle.value, limits, note=note)
    name, uuid, bus = (card.ask(f"nvmlDeviceGet{one}") for one in ("Name", "UUID", "PciInfo"))
    if not text(name.value):
        # nvidia-smi ends with 0 and shows ERR! in such a case.
        cause = f"GPU {index} has no name: {name.reason or 'the driver gives an empty one'}"
        return Check("gpu.lost", BLOCK, cause=cause, advice="Have this node looked at; reboot it.", node=True)
    card.name, card.uuid = text(name.value), text(uuid.value)
    card.whole = card.uuid
    card.bus = text(getattr(bus.value, "busId", b""))
    capability = card.ask("nvmlDeviceGetCudaComputeCapability")
    if capability.there:
        card.capability = (int(capability.value[0]), int(capability.value[1]))
    _find_part(card, environment or {})
    return card


def _find_part(card: Card, environment: Mapping[str, str]) -> None:
    mode = card.ask("nvmlDeviceGetMigMode")
    card.split = bool(mode.there and mode.value[0])
    if not card.split:
        return
    count = card.ask("nvmlDeviceGetMaxMigDeviceCount")
    for number in range(int(count.value or 0)):
        part = card.ask("nvmlDeviceGetMigDeviceHandleByIndex", number)
        if part.there:
            card.parts.append((part.value, text(asked(card.binding, "nvmlDeviceGetUUID", part.value).value)))
    own = Candidate(0, card.whole, tuple(uuid for _, uuid in card.parts))
    shown = environment.get(VARIABLE) or environment.get("NVIDIA_VISIBLE_DEVICES")
    meant = [one.part for one in visible(shown, [own])]
    mine = [part for part in card.parts if part[1] and part[1] in meant] or card.parts
    if len(mine) == 1:
        card.part, card.uuid = mine[0]


def package(providers: Callable[[], Mapping[str, list[str]]] | None = None) -> Iterator[Check]:
    """An abandoned package under the name of NVIDIA's binding breaks programs that look at GPUs."""
    try:
        found = (providers or _providers)().get("pynvml", [])
    except Exception:
        return
    bad = sorted({name for name in found if name.lower() in ABANDONED})
    if bad:
        cause = f"the package {', '.join(bad)} brings an abandoned module `pynvml` in place of NVIDIA's"
        yield Check("pynvml.package", WARN, bad[0], "nvidia-ml-py", "", cause, "Replace it by nvidia-ml-py.")


def _providers() -> Mapping[str, list[str]]:
    names = [name for name in ABANDONED if _installed(name)]
    return {"pynvml": names}


def _installed(name: str, places: Sequence[str] | None = None) -> bool:
    """Whether the package is installed. The library that reads packages takes longer to load than all of this."""
    form = re.compile(rf"{name.replace('-', '[-_.]')}-[^-]+\.(dist|egg)-info", re.IGNORECASE)
    return any(form.fullmatch(one) for place in (sys.path if places is None else places) for one in _names(place))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:
        return []


def device_nodes(folder: Path = Path("/dev")) -> int:
    """How many of /dev/nvidia0, /dev/nvidia1 ... are there."""
    try:
        return sum(path.name[6:].isdigit() for path in folder.glob("nvidia*"))
    except OSError:
        return 0


def text(value: Any) -> str:
    """A text of the binding, whichever way it gives it."""
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value or "").strip()
