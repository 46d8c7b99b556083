"""Watches a training from inside of its process: loss and gradients at each step, and the state around it.

It hangs on torch itself (`Tensor.backward`, the hooks before and after every optimiser's step), so that a script that
knows nothing of us is watched too. Such a script ends after its few steps by `SystemExit(0)` out of the optimiser's
step; one that asks `should_stop()` is told to stop there. Of several processes, each counts, and the first one writes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from mlops_ci.guest.files import write_json
from mlops_ci.guest.importing import after_import
from mlops_ci.guest.smoke import sums
from mlops_ci.guest.smoke.variables import given

SCHEMA = "mlops-ci/smoke/1"
OPTIMIZERS = "torch.optim.optimizer"
FEW = 5


class Watch:
    """One smoke run in one process. `patience`: up to so many steps a script may take until its first checkpoint."""

    def __init__(self, steps: int, patience: int, path: Path, *, writes: bool, several: bool) -> None:
        self._steps = steps
        self._patience = max(steps, patience)
        self._path = path
        self._writes = writes
        self._several = several
        self._optimizers: dict[int, int] = {}
        self._pending: list[float] = []
        self._told_at: Optional[int] = None
        self._asked = False
        self._resumes = False
        self._saved = False
        self._calls = 0
        self.seen: dict[str, Any] = {
            "schema": SCHEMA, "steps": 0, "losses": [], "bad_gradients": [], "gradients": 0, "optimizers": []
        }  # fmt: skip

    def loss(self, value: Any) -> None:
        """A loss of which the gradients are about to be computed; with accumulated gradients there are several."""
        if value.numel() == 1:
            self._pending.append(float(value.detach()))

    def before(self, optimizer: Any, *_: Any) -> None:
        """An optimiser is about to take a step."""
        number = self._optimizers.setdefault(id(optimizer), len(self._optimizers))
        if not self._writes:
            return
        if number == len(self.seen["optimizers"]):
            self.seen["optimizers"].append({"start": list(sums.of_optimizer(optimizer)), "after": []})
        bad, count = sums.bad_gradients(optimizer)
        self.seen["gradients"] = max(self.seen["gradients"], count)
        step = self.seen["steps"] + 1
        self.seen["bad_gradients"] += [f"step {step}: {one}" for one in bad][: FEW - len(self.seen["bad_gradients"])]

    def after(self, optimizer: Any, *_: Any) -> None:
        """It has taken it. Raises `SystemExit` where the script will not end by itself."""
        number = self._optimizers[id(optimizer)]
        if self._writes:
            self.seen["optimizers"][number]["after"].append(list(sums.of_optimizer(optimizer)))
        if number == 0:
            self.seen["steps"] += 1
            if self._pending:
                self.seen["losses"].append(sum(self._pending) / len(self._pending))
            self._pending.clear()
        if self._writes:
            self._write()
        if self._enough(self.seen["steps"]) and (not self._asked or self._ignored()):
            raise SystemExit(0)

    def should_stop(self) -> bool:
        """For the SDK: whether the steps have been taken. Without an optimiser of torch, one lies between two calls."""
        self._asked = True
        self._calls += 1
        return self._enough(self.seen["steps"] if self._optimizers else self._calls - 1)

    def resumes(self) -> None:
        """For the SDK: the script resumes, so it will save a checkpoint, for which it is worth waiting."""
        self._resumes = True

    def saved(self) -> None:
        """For the SDK: it has saved one."""
        self._saved = True

    def _enough(self, steps: int) -> bool:
        # Only one process saves: where there are several, all of them must stop at the same step.
        waits = self._several or (self._resumes and not self._saved)
        return steps >= (self._patience if waits else self._steps)

    def _ignored(self) -> bool:
        """It has been told to stop, and has taken as many steps again."""
        steps: int = self.seen["steps"]
        if self._told_at is None:
            self._told_at = steps
        return steps >= self._told_at + self._steps

    def _write(self) -> None:
        finite = [one if math.isfinite(one) else None for one in self.seen["losses"]]
        write_json(self._path, {**self.seen, "losses": finite})


_current: dict[str, Watch] = {}


def current() -> Optional[Watch]:
    """The watch of this process, or None outside of a smoke run."""
    return _current.get("watch")


def begin(environ: Mapping[str, str]) -> None:
    """Watch this process, where its variables say that it is a smoke run."""
    asked = given(environ)
    if asked is None or _current:
        return
    steps, patience, path = asked
    _current["watch"] = Watch(
        steps,
        patience,
        path,
        writes=environ.get("RANK", "0") == "0",
        several=int(environ.get("WORLD_SIZE") or 1) > 1,
    )
    after_import(OPTIMIZERS, _hang_on)


def _hang_on(module: ModuleType) -> None:
    watch, owner = _current["watch"], os.getpid()
    import torch

    backward = torch.Tensor.backward

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        if os.getpid() == owner:
            watch.loss(self)
        return backward(self, *arguments, **named)

    torch.Tensor.backward = watched
    module.register_optimizer_step_pre_hook(watch.before)
    module.register_optimizer_step_post_hook(watch.after)
