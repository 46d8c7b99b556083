"""What `libnvidia-ml.so.1` would be: functions that fill in the ctypes arguments of NVIDIA's real binding.

It knows nothing of pynvml's structures: what the binding hands over by reference is filled in by name. A symbol that a
profile leaves out is not there, exactly as in an old driver. The file works alone, so that a child process can use it.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

NOT_SUPPORTED, INSUFFICIENT_SIZE, TIMEOUT, UNKNOWN_INDEX, NOT_FOUND = 3, 7, 10, 2, 6
WITHOUT_DEVICE = ("nvmlSystem", "nvmlInit", "nvmlShutdown", "nvmlDeviceGetCount", "nvmlDeviceGetHandle", "nvmlEvent")

SPECIAL = {
    "nvmlInitWithFlags": "_initialised",
    "nvmlDeviceGetCount": "_counted",
    "nvmlDeviceGetHandleByIndex": "_opened",
    "nvmlDeviceGetMigDeviceHandleByIndex": "_part",
    "nvmlDeviceGetFieldValues": "_fields",
    "nvmlDeviceGetRetiredPages": "_pages",
    "nvmlDeviceGetComputeRunningProcesses": "_processes",
    "nvmlEventSetCreate": "_events",
    "nvmlDeviceRegisterEvents": "_registered",
    "nvmlEventSetWait": "_event",
}


LINK = "nvmlDeviceGetCurrPcieLinkGeneration"


class Library:
    """A driver with the GPUs of a profile. `phase` is `before` or `after` a load."""

    def __init__(self, profile: dict[str, Any]) -> None:
        self._profile = profile
        self._calls: list[str] = []
        self._broken: int = 0
        self.phase = "before"
        self.looks_after = 0

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("nvml") or name in self._profile.get("missing", ()):
            raise AttributeError(name)
        return lambda *arguments: self._call(name, arguments)

    def _call(self, name: str, arguments: tuple[Any, ...]) -> int:
        self._calls.append(name)
        self.looks_after += name == LINK and self.phase == "after"
        plain = name.removesuffix("_v2").removesuffix("_v3")
        trip = self._profile.get("trip", {})
        if trip.get("at") == plain:
            self._broken = int(trip.get("error", 0))
            time.sleep(float(trip.get("hang", 0)))
        if self._broken and not name.startswith(("nvmlInit", "nvmlSystem")):
            return self._broken
        special = getattr(self, SPECIAL.get(plain, ""), None)
        if special is not None:
            return int(special(*arguments))
        if name.startswith(WITHOUT_DEVICE):
            return self._fill(self._profile.get("system", {}), plain, arguments)
        values = self._values(arguments[0])
        return self._fill(values, name if name in values else plain, arguments[1:])

    def _values(self, handle: Any) -> dict[str, Any]:
        number = ctypes.cast(handle, ctypes.c_void_p).value or 0
        if number > 1000:
            return dict(self._profile["gpus"][(number - 1001) // 10]["parts"][(number - 1001) % 10])
        gpu = self._profile["gpus"][number - 1]
        return {**gpu, **gpu.get("after", {})} if self.phase == "after" else dict(gpu)

    def _fill(self, values: dict[str, Any], name: str, arguments: tuple[Any, ...]) -> int:
        outs = [one._obj for one in arguments if hasattr(one, "_obj")]
        buffers = [one for one in arguments if isinstance(one, ctypes.Array)]
        keys = [getattr(one, "value", one) for one in arguments if not hasattr(one, "_obj") and one not in buffers]
        full = ":".join([name, *map(str, keys)])
        value = values.get(full, values.get(name))
        if value is None:
            return NOT_SUPPORTED
        if isinstance(value, dict) and "error" in value:
            return int(value["error"])
        if isinstance(value, dict):
            for key, one in value.items():
                setattr(outs[0], key, one.encode() if isinstance(one, str) else one)
        elif buffers:
            buffers[0].value = str(value).encode("utf-8", "surrogateescape")
        else:
            for out, one in zip(outs, value if isinstance(value, list) else [value], strict=False):
                out.value = one
        return 0

    def _initialised(self, flags: Any) -> int:
        return int(self._profile.get("init", 0))

    def _counted(self, count: Any) -> int:
        count._obj.value = self._profile.get("count", len(self._profile["gpus"]))
        return 0

    def _opened(self, index: Any, handle: Any) -> int:
        number = getattr(index, "value", index)
        if number >= len(self._profile["gpus"]):
            return UNKNOWN_INDEX
        gpu = self._profile["gpus"][number]
        if gpu.get("open"):
            return int(gpu["open"])
        return _point(handle, number + 1)

    def _part(self, handle: Any, index: Any, part: Any) -> int:
        number = (ctypes.cast(handle, ctypes.c_void_p).value or 1) - 1
        at = getattr(index, "value", index)
        if at >= len(self._profile["gpus"][number].get("parts", ())):
            return NOT_FOUND
        return _point(part, 1001 + 10 * number + at)

    def _fields(self, handle: Any, count: Any, rows: Any) -> int:
        values = self._values(handle)
        for row in rows._obj:
            value = values.get(f"field:{row.fieldId}")
            row.nvmlReturn = NOT_SUPPORTED if value is None else 0
            row.valueType = 3
            row.value.ullVal = int(value or 0)
        return 0

    def _pages(self, handle: Any, cause: Any, count: Any, rows: Any) -> int:
        number = self._values(handle).get(f"nvmlDeviceGetRetiredPages:{cause.value}")
        if number is None:
            return NOT_SUPPORTED
        count._obj.value = number
        return INSUFFICIENT_SIZE if rows is None and number else 0

    def _processes(self, handle: Any, count: Any, rows: Any) -> int:
        pids = self._values(handle).get("processes", [])
        count._obj.value = len(pids)
        if not rows and pids:
            return INSUFFICIENT_SIZE
        for row, pid in zip(rows or (), pids, strict=False):
            row.pid, row.usedGpuMemory = pid, 2**30
        return 0

    def _events(self, events: Any) -> int:
        return _point(events, 1)

    def _registered(self, handle: Any, kinds: Any, events: Any) -> int:
        return int(self._values(handle).get("no_events", 0))

    def _event(self, events: Any, data: Any, milliseconds: Any) -> int:
        for gpu in self._profile["gpus"]:
            if self.phase == "after" and gpu.get("xids"):
                data._obj.eventType, data._obj.eventData = 8, gpu["xids"].pop(0)
                return 0
        return TIMEOUT


def _point(reference: Any, number: int) -> int:
    pointer = ctypes.c_void_p(number)
    ctypes.memmove(ctypes.addressof(reference._obj), ctypes.addressof(pointer), ctypes.sizeof(pointer))
    return 0


def put_in_place(library: Library, name: str = "libnvidia-ml.so.1") -> None:
    """Let `ctypes.CDLL` give the library, before NVIDIA's binding is imported (in a process of its own)."""
    real = ctypes.CDLL

    def load(wanted: Any, *arguments: Any, **options: Any) -> Any:
        return library if wanted == name else real(wanted, *arguments, **options)

    ctypes.CDLL = load  # type: ignore[misc, assignment]
