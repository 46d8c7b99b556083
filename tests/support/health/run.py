"""Runs a case: NVIDIA's real binding over the case's library, the real checks and verdict. It starts no process."""

from __future__ import annotations

import ctypes
import datetime as dt
import importlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from mlops_ci.guest.health import driver, host, load, rules
from mlops_ci.guest.health.active import matmul, throttle
from mlops_ci.guest.health.active.context import ActiveCheck, Context
from mlops_ci.guest.health.burn import Burn
from mlops_ci.guest.health.check import BLOCK, PASS, Check, health_of, verdict_of
from mlops_ci.guest.health.examine import Examination
from mlops_ci.guest.health.findings import Look, checks_of
from mlops_ci.guest.health.peers import against_peers
from mlops_ci.guest.health.request import Request
from mlops_ci.guest.health.row import Told, take
from mlops_ci.guest.health.survey import Places, survey
from mlops_ci.guest.health.variables import check_variables
from mlops_ci.guest.task import Expectation, HealthRequest, Paths, Silence
from support.health.cases import Case
from support.health.library import Library

TODAY = dt.date(2026, 11, 26)
LONGEST_LOAD = 30.0


class StoppedError(BaseException):
    """The child of a case ends here, as one that hangs or crashes does."""


@dataclass(frozen=True)
class Result:
    """What the check said of a case."""

    verdict: str
    exit_code: int
    checks: Sequence[Check]

    def found(self, name: str) -> Check | None:
        """The check of that id."""
        return next((check for check in self.checks if check.id == name), None)

    @property
    def alarms(self) -> list[Check]:
        """What is no pass and no skip."""
        return [check for check in self.checks if check.status in ("WARN", "BLOCK")]


def run_case(case: Case) -> Result:
    """Examine the node of a case as the guest does."""
    data, gpus = case.data, case.gpus
    expect = Expectation(gpus=gpus, torch=data.get("torch_wanted"), **data.get("expect_node", {}))
    environment = data.get("environment", {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**environment, **_libraries(folder, data.get("libraries", {}))}
        checks = check_variables(environment, gpus=gpus)
        if "expect_node" in data:
            checks += host.check_host(expect, Paths(job=folder, work=folder, output=folder, tmp=folder))
        checks += _gpus(case, folder, expect, environment)
    checks = [*checks, *against_peers(checks, data.get("limits", {}))]
    request = HealthRequest(
        only=tuple(data.get("only", ())), silences=tuple(Silence(**one) for one in data.get("silences", ()))
    )
    checks = rules.told(checks, request, gpus=gpus, today=TODAY)
    return Result(health_of(checks, gpus=gpus), verdict_of(checks).exit_code, checks)


def _libraries(folder: Path, named: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Folders on the search path for libraries, with files of these names."""
    for place, names in named.items():
        (folder / place).mkdir(parents=True)
        for name in names:
            (folder / place / name).touch()
    return {"LD_LIBRARY_PATH": ":".join(str(folder / place) for place in named)} if named else {}


def _gpus(case: Case, folder: Path, expect: Expectation, environment: dict[str, str]) -> list[Check]:
    library = Library(case.profile())
    with (
        _driver(library, absent=bool(case.data.get("no_library"))),
        mock.patch("time.sleep"),
        mock.patch.object(load, "EVERY", 0.001),
        mock.patch.object(driver, "_providers", return_value={"pynvml": case.data.get("packages", [])}),
        _sampling_with_the_load() as begin,
    ):
        node = _told(case, "node", lambda say: survey(say, wanted=case.gpus, environment=environment,
                                                       places=_places(case, folder)))  # fmt: skip
        looks = []
        for index in range(case.gpus):
            library.phase = "before"
            request = Request(
                index=index, gpus=case.gpus, level="standard", budget=60, limits=case.data.get("limits", {})
            )
            looks.append(_told(case, f"cuda:{index}", lambda say, request=request: Examination(
                request, say, environment, torch=lambda: _torch(case), burn=_burn(case, library, request.index, begin)
            ).run()))  # fmt: skip
    return checks_of(node, looks, None, expect)


def _told(case: Case, part: str, work: Any) -> Look:
    """What a child tells; a case's `ending` cuts it off at a step, as a hang or a crash does."""
    told, ending = Told(), case.data.get("ending", {})

    def say(kind: str, value: Any) -> None:
        take(told, kind, value)
        if kind == "step" and ending.get("part") == part and value == ending["step"]:
            raise StoppedError

    try:
        work(say)
    except StoppedError:
        return Look(part, told, str(ending["how"]))
    return Look(part, told)


@contextmanager
def _driver(library: Library, *, absent: bool) -> Iterator[None]:
    import pynvml

    real = ctypes.CDLL

    def opened(name: Any, *arguments: Any, **options: Any) -> Any:
        if name != "libnvidia-ml.so.1":
            return real(name, *arguments, **options)
        if absent:
            raise OSError("libnvidia-ml.so.1: cannot open shared object file: No such file or directory")
        return library

    real_import = importlib.import_module

    def bundled(name: str, package: str | None = None) -> Any:
        return pynvml if name.endswith(".vendor.pynvml") else real_import(name, package)

    with (
        mock.patch.object(ctypes, "CDLL", opened),
        mock.patch.object(pynvml, "CDLL", opened),
        mock.patch.object(pynvml, "nvmlLib", None),
        mock.patch.object(pynvml, "_nvmlGetFunctionPointer_cache", {}),
        mock.patch.object(importlib, "import_module", bundled),
    ):
        yield


def _places(case: Case, folder: Path) -> Places:
    for number in range(case.data.get("nodes", len(case.data.get("gpus", [{}])))):
        (folder / f"nvidia{number}").touch()
    log = folder / "kmsg"
    lines = case.data.get("kernel_log", [])
    if lines is not None:
        log.write_text("".join(f"6,1,1,-;{line}\n" for line in lines))
    return Places(dev=folder, kmsg=log, logs=())


def _torch(case: Case) -> Any:
    """As much of torch as the static half asks for."""
    said = {"version": "2.13.0+cu126", "cuda": "12.6", "architectures": "5.0 6.0 7.0 7.5 8.0 8.6 9.0",
            "devices": case.gpus, "init": "", **case.data.get("torch", {})}  # fmt: skip
    if "import" in said:
        raise ImportError(said["import"])
    names = [f"sm_{one.replace('.', '')}" if one[0].isdigit() else one for one in said["architectures"].split()]

    def init() -> None:
        if said["init"]:
            raise RuntimeError(said["init"])

    own = said.get("properties")
    properties = SimpleNamespace(**own) if own else None
    cuda = SimpleNamespace(get_arch_list=lambda: names, device_count=lambda: said["devices"], init=init)
    if properties is not None:
        cuda.get_device_properties = lambda _device: properties
    version = SimpleNamespace(cuda=said["cuda"], hip=said.get("hip"))
    return SimpleNamespace(__version__=said["version"], cuda=cuda, version=version)


@contextmanager
def _sampling_with_the_load() -> Iterator[Callable[[], None]]:
    """What a busy machine makes a matter of chance: no look at the card before the load, when it is not slow yet."""
    waiting: list[load.Watch] = []
    start = load.Watch.start

    def begin() -> None:
        while waiting:
            start(waiting.pop())

    def put_off(watch: load.Watch) -> None:
        waiting.append(watch)

    with mock.patch.object(load.Watch, "start", put_off):
        yield begin


def _until_sampled(library: Library) -> None:
    """A load lasts until the sampling thread has looked often enough, or has ended since the card is gone.

    The last look is asked for, and may not be counted yet.
    """
    first, over = library.looks_after, time.monotonic() + LONGEST_LOAD
    while library.looks_after <= first + load.FEWEST_SAMPLES and time.monotonic() < over:
        if not any(one.name == "gpu-load" for one in threading.enumerate()):
            return
        threading.Event().wait(0.001)


def _burn(case: Case, library: Library, index: int, begin: Callable[[], None]) -> Burn:
    """A load whose speed the case names, judged by the real rules; between its readings the library goes on."""
    measured = case.data.get("measured", {})
    error = case.data.get("load_error", {}).get(str(index))

    def answers(context: Context) -> list[Check]:
        name = f"device.context.{context.device}"
        if not error:
            return [Check(name, PASS)]
        return [Check(name, BLOCK, cause=f"the device did not do its work: {error}", node=True)]

    def loaded(context: Context) -> list[Check]:
        before = context.sensor() if context.sensor else None
        library.phase = "after"
        begin()
        _until_sampled(library)
        seen = context.sensor() if context.sensor else None
        found = [throttle.judge_load(f"throttle.load.{context.device}", before, [seen] if seen else [], seen)]
        for kind, values in measured.items():
            rate = values[index] if isinstance(values, list) else values
            found.append(matmul.judged(context, kind, matmul.Burn(rate, (seen,) if seen else ())))
        return found

    return Burn(checks=(ActiveCheck("device.context", 1, 15, answers), ActiveCheck("matmul", 1, 15, loaded)))
