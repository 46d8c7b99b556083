"""The examination of one device in a process of its own: first what the driver says, then torch, then the load."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_ci.guest.health import compatibility, rules
from mlops_ci.guest.health.card import Card, GoneError
from mlops_ci.guest.health.check import BLOCK, Check
from mlops_ci.guest.health.count import chosen
from mlops_ci.guest.health.cuda_errors import first_line
from mlops_ci.guest.health.driver import Driver, listed, open_card, open_driver, versions
from mlops_ci.guest.health.load import Watch
from mlops_ci.guest.health.request import Request
from mlops_ci.guest.health.row import Say
from mlops_ci.guest.health.static.all import lost, static_checks

if TYPE_CHECKING:
    from mlops_ci.guest.health.burn import Burn

TORCH = ("torch", "torch.import", "torch.version", "torch.build", "torch.architecture", "driver", "driver.cuda",
         "driver.gpu", "gpu", "gpu.count")  # fmt: skip
"""Names of checks for which torch has to be imported."""


def _import_torch() -> Any:
    return importlib.import_module("torch")


@dataclass
class Examination:
    """One device. `torch` gives the module, so that a broken one is met where it is imported."""

    request: Request
    say: Say
    environment: Mapping[str, str]
    torch: Callable[[], Any] = _import_torch
    burn: Burn | None = None

    def run(self) -> None:
        """Examine it and tell it."""
        started = time.monotonic()
        card = self._card() if self.request.gpus else None
        for check in static_checks(card) if card is not None else ():
            self._check(check)
        watch = self._watch(card)
        if not self._wants_torch():
            self.say("end", None)
            return
        self.say("step", "torch import")
        torch = self._import()
        if torch is not None:
            self._build(torch, card)
            if self.request.level != rules.STATIC:
                self._load(torch, card, watch, self.request.budget - (time.monotonic() - started))
            elif watch is not None:
                self._tell_load(watch, loaded=False)
        self.say("end", None)

    def _wants_torch(self) -> bool:
        """Whether anything but the driver is asked about."""
        request = self.request
        return request.level != rules.STATIC or not request.only or any(one in TORCH for one in request.only)

    def _check(self, check: Check) -> None:
        self.say("check", check.as_json())

    def _note(self, question: str) -> None:
        self.say("step", f"driver {question}")

    def _card(self) -> Card | None:
        driver = open_driver(self._note)
        if driver.binding is None:
            return None
        self._driver = driver
        usable = chosen(listed(driver, self._note)[0], self.environment)
        if self.request.index >= len(usable):
            return None
        number = usable[self.request.index].index
        try:
            found = open_card(driver, number, self.request.limits, self._note, self.environment)
        except GoneError as gone:
            self._check(lost(gone))
            return None
        if isinstance(found, Check):
            self._check(found)
            return None
        self.say("fact", ["gpu", {"uuid": found.uuid, "name": found.name}])
        return found

    def _watch(self, card: Card | None) -> Watch | None:
        if card is None:
            return None
        try:
            return Watch(card)
        except GoneError as gone:
            self._check(lost(gone))
            return None

    def _import(self) -> Any:
        started = time.monotonic()
        try:
            torch = self.torch()
            version = str(torch.__version__)
        except Exception as error:
            advice = "Put torch into the image: [image] torch, or your requirements."
            cause = f"torch cannot be imported: {first_line(error)}"
            self._check(Check("torch.import", BLOCK, cause=cause, advice=advice))
            return None
        self.say("fact", ["torch", {"version": version, "seconds": round(time.monotonic() - started, 3)}])
        return torch

    def _build(self, torch: Any, card: Card | None) -> None:
        self.say("step", "torch build")
        cuda = torch.version.cuda
        build = compatibility.Build(
            version=str(torch.__version__),
            cuda=None if cuda is None else str(cuda),
            architectures=_architectures(torch) if cuda is not None else (),
            hip=getattr(torch.version, "hip", None),
        )
        if not self.request.gpus:
            return
        driver, newest = versions(self._driver, self._note)
        capability = card.capability if card is not None else None
        name = card.name if card is not None else "this GPU"
        self._check(compatibility.build_check(build, driver, capability))
        self._check(compatibility.driver_check(build, driver, newest, name, capability))
        for check in compatibility.gpu_checks(build, driver, name, capability):
            self._check(check)
        if cuda is None:
            return
        self.say("step", "torch cuda init")
        count, error = _count(torch)
        self.say("fact", ["count", {"devices": count, "error": error}])

    def _load(self, torch: Any, card: Card | None, watch: Watch | None, left: float) -> None:
        if watch is not None:
            watch.start()
        # The static half does without the active checks, whose modules take as long to load as all of its own.
        from mlops_ci.guest.health.burn import Burn

        burn = self.burn or Burn()
        loaded = burn.run(torch, self.request, card, left, self.say)
        if watch is not None:
            self._tell_load(watch, loaded=loaded)

    def _tell_load(self, watch: Watch, *, loaded: bool) -> None:
        self.say("step", "counters after the load")
        for check in watch.checks(loaded=loaded):
            self._check(check)

    _driver: Driver = field(default_factory=Driver)


def _architectures(torch: Any) -> tuple[str, ...]:
    try:
        return tuple(torch.cuda.get_arch_list())
    except Exception:
        return ()


def _count(torch: Any) -> tuple[int, str]:
    try:
        count = int(torch.cuda.device_count())
    except Exception as error:
        return 0, first_line(error)
    try:
        torch.cuda.init()
    except Exception as error:
        return count, first_line(error)
    return count, ""
