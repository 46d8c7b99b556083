"""From what the children told to the list of checks: by GPU, with its UUID, and with the children that never ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, Check
from mlops_ci.guest.health.count import torch_count
from mlops_ci.guest.health.row import Told
from mlops_ci.guest.health.starvation import Delay
from mlops_ci.guest.task import Expectation

DEVICE_CHECKS = ("device.context", "device.answers")
BUSY_ADVICE = "End what else runs on this machine's processors, or run on another node."
NODE_ADVICE = "Run on another node; if it happens there too, the image is at fault."


@dataclass(frozen=True)
class Look:
    """What one child told about its part (`node`, `cpu`, `cuda:0`), and how it stopped before its end, if it did."""

    part: str
    told: Told
    ending: str = ""
    delay: Delay | None = None


def checks_of(survey: Look | None, devices: Sequence[Look], whole: Look | None, expect: Expectation) -> list[Check]:
    """All checks. `survey` looked at the node, `devices` at each device, `whole` at all devices together."""
    checks = [] if survey is None else [*survey.told.checks, *_stopped(survey)]
    devices = _there(survey, devices)
    checks = _excused(checks, devices)
    checks.extend(_torch(devices, survey, expect))
    for look in devices:
        # What was seen under load counts before what the same check saw at rest.
        found = {one.id: one for one in (_of_device(check, look) for check in (*look.told.checks, *_stopped(look)))}
        known = {one.id for one in checks}
        checks.extend(check for check in found.values() if check.id not in known)
    if whole is not None:
        checks.extend([*whole.told.checks, *_stopped(whole)])
    return checks or [Check("health", SKIP, cause="nothing was reached")]


def _there(survey: Look | None, devices: Sequence[Look]) -> Sequence[Look]:
    """Without those beyond what the driver shows: the count tells of them, and what CUDA says of them adds nothing."""
    shown = None if survey is None else survey.told.facts.get("gpus")
    return devices if not shown else devices[: len(shown)]


def devices_of(devices: Sequence[Look]) -> tuple[list[str], list[dict[str, Any]]]:
    """The devices that answered: GPU UUIDs (or names), or `cpu`; and the details of each."""
    good = [look for look in devices if _answered(look)]
    rows = [{"device": look.part, "name": _gpu(look)["name"], "uuid": _gpu(look)["uuid"]} for look in good]
    return [str(row["uuid"] or row["device"]) for row in rows], rows


def _answered(look: Look) -> bool:
    return any(
        check.status == PASS and check.id.rpartition(".")[0] in DEVICE_CHECKS for check in look.told.checks
    ) and not any(check.status == BLOCK and check.id.startswith(DEVICE_CHECKS) for check in look.told.checks)


def _gpu(look: Look) -> dict[str, Any]:
    return look.told.facts.get("gpu") or {"uuid": "", "name": "cpu" if look.part == "cpu" else ""}


def _of_device(check: Check, look: Look) -> Check:
    """The check under the name of its device, so that every GPU's checks have names of their own."""
    name = check.id
    about_torch = name.startswith(("torch.import", "torch.build", "driver.cuda", "gpu.count"))
    if not about_torch and not name.endswith(look.part):
        name = f"{name}.{look.part}"
    return replace(check, id=name, uuid=check.uuid or str(_gpu(look)["uuid"]))


def _torch(devices: Sequence[Look], survey: Look | None, expect: Expectation) -> Iterator[Check]:
    first = next((look.told.facts["torch"] for look in devices if "torch" in look.told.facts), None)
    if first is None:
        return
    yield Check("torch.import", PASS, first["seconds"], None, "s")
    yield _version(str(first["version"]), expect.torch)
    if not expect.gpus:
        return
    count = next((look.told.facts["count"] for look in devices if "count" in look.told.facts), None)
    if count is not None:
        gpus = None if survey is None else survey.told.facts.get("gpus")
        usable = None if gpus is None else len(gpus)
        yield torch_count(int(count["devices"]), expect.gpus, usable=usable, error=str(count["error"]))


def _version(version: str, expected: str | None) -> Check:
    if expected is None:
        return Check("torch.version", PASS, version)
    plain = version.partition("+")[0]
    if plain == expected or plain.startswith(expected + "."):
        return Check("torch.version", PASS, version, expected)
    cause = f"torch is {version}, the configuration says {expected}"
    advice = "Rebuild the image, or look which of your requirements brings another torch."
    return Check("torch.version", BLOCK, version, expected, "", cause, advice)


def _excused(checks: list[Check], devices: Sequence[Look]) -> list[Check]:
    """A driver that cannot be looked at where torch uses the GPU all the same: less was seen, and nothing is broken."""
    works = any(look.told.facts.get("count", {}).get("devices") for look in devices)
    return [
        replace(check, status=SKIP) if works and check.id == "driver.present" and check.value == 0 else check
        for check in checks
        if check.id
    ]


def _stopped(look: Look) -> Iterator[Check]:
    if not look.ending:
        return
    step = look.told.step
    name = "torch.import" if step in ("start", "torch import") else _named(step, look.part)
    cause = f"the examination of {look.part} {look.ending} during: {step}"
    delay, uuid = look.delay, str(_gpu(look)["uuid"])
    if delay is None or not delay.starved(step, cpu=not look.part.startswith("cuda")):
        yield Check(name, BLOCK, cause=cause, advice=NODE_ADVICE, node=True, uuid=uuid)
        return
    cause = f"this machine was too busy: {cause}, and {delay.told()}"
    # Nothing is known of a GPU that was never reached, and it was asked for.
    unseen = look.part.startswith("cuda") and not _answered(look)
    status = BLOCK if unseen else SKIP
    yield Check(name, status, None, None, "", cause, BUSY_ADVICE, node=unseen, evidence=delay.pressure, uuid=uuid)


def _named(step: str, part: str) -> str:
    if step.startswith("active "):
        return f"{step.partition(' ')[2]}.{part}"
    return f"driver.answers.{part}" if step.startswith("driver ") else f"examination.{part}"
