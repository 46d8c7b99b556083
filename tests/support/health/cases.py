"""The cases in `tests/health`: a model of GPU, what is changed about it, and what the check has to say."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2] / "health"


@dataclass(frozen=True)
class Case:
    """One data file. `kind` is `healthy` or `faulty`; `computed` says that torch has to be there to run it."""

    name: str
    kind: str
    data: dict[str, Any]

    @property
    def gpus(self) -> int:
        """How many GPUs the job asks for."""
        return int(self.data.get("wanted", len(self.data.get("gpus", [{}]))))

    def profile(self) -> dict[str, Any]:
        """What the driver's library of this case says: the model's values with the case's changes."""
        model = json.loads((ROOT / "models" / f"{self.data['model']}.json").read_text())
        gpus = []
        for number, changes in enumerate(self.data.get("gpus", [{}])):
            gpu = {
                "nvmlDeviceGetUUID": f"GPU-{number}a0b1c2d-1111-2222-3333-444455556666",
                "nvmlDeviceGetPciInfo": {"busId": f"0000:{0x3B + number:02X}:00.0"},
                **copy.deepcopy(model["gpu"]),
            }
            after = {**gpu.pop("after"), **changes.get("after", {})}
            gpu.update({name: value for name, value in changes.items() if name != "after"})
            gpus.append({**{name: value for name, value in gpu.items() if value is not None}, "after": after})
        driver = self.data.get("driver", {})
        return {**driver, "system": {**model["system"], **driver.get("system", {})}, "gpus": gpus}


def load() -> list[Case]:
    """All cases, the healthy ones first."""
    return [
        Case(path.stem, kind, json.loads(path.read_text()))
        for kind in ("healthy", "faulty")
        for path in sorted((ROOT / kind).glob("*.json"))
    ]
