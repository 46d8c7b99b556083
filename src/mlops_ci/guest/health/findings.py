"""From the canary's lines to checks: what was seen, what was not, and where it stopped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check
from mlops_ci.guest.health.probe import MARK
from mlops_ci.guest.task import Expectation

LEFTOVER_BYTES = 512 * 1024 * 1024
LEFTOVER_SHARE = 0.01
SICK = re.compile(
    r"unknown error|uncorrectable|ECC|not initialized|hardware|fallen off|busy|unavailable", re.IGNORECASE
)


@dataclass
class Findings:
    """What the canary said. `stopped` is the step that it did not finish, empty when it came to its end."""

    nvml: Mapping[str, Any] | None = None
    built: Mapping[str, Any] | None = None
    devices: list[Mapping[str, Any]] = field(default_factory=list)
    numerics: list[Mapping[str, Any]] = field(default_factory=list)
    stopped: str = ""


def read(lines: Iterable[str], code: int) -> Findings:
    """The findings in a canary's output; other lines are passed over. `code` is how it ended (0: to its end)."""
    found = Findings()
    step = "start"
    for line in lines:
        if not line.startswith(MARK):
            continue
        row = json.loads(line[len(MARK) :])
        if row["probe"] == "begin":
            step = row["step"]
        elif row["probe"] == "nvml":
            found.nvml = row
        elif row["probe"] == "import":
            found.built = row
        elif row["probe"] == "device":
            found.devices.append(row)
        else:
            found.numerics.append(row)
    found.stopped = "" if code == 0 else step
    return found


def checks_of(found: Findings, expect: Expectation, *, ending: str) -> list[Check]:
    """All checks on torch and devices. `ending` says how a canary that stopped early ended."""
    checks = [*_gpus(found, expect), *_torch(found, expect)]
    if found.stopped:
        checks.append(_stopped(found.stopped, ending))
    checks.extend(map(_device, found.devices))
    for row in found.numerics:
        checks.extend(_numerics(row))
    if not found.numerics and not any(check.status == BLOCK for check in checks):
        checks.append(Check("numerics", SKIP, cause="no device was reached"))
    return checks


def devices_of(found: Findings) -> tuple[list[str], list[dict[str, Any]]]:
    """The devices that answered: GPU UUIDs (or names), or `cpu`; and the details of each."""
    good = [row for row in found.devices if row.get("right")]
    names = [str(row["uuid"] or row["device"]) for row in good]
    return names, [{"name": row["name"], "uuid": row["uuid"], "device": row["device"]} for row in good]


def _gpus(found: Findings, expect: Expectation) -> list[Check]:
    if not expect.gpus:
        return []
    if found.nvml is None or found.nvml["reason"]:
        reason = "NVML was not reached" if found.nvml is None else str(found.nvml["reason"])
        return [
            Check("gpu.nvml", SKIP, cause=reason, advice="Start the container with GPUs and the utility capability.")
        ]
    return [_leftover(gpu) for gpu in found.nvml["gpus"]]


def _leftover(gpu: Mapping[str, Any]) -> Check:
    name = f"gpu.leftover.{gpu['index']}"
    used, total = gpu["memory_used_bytes"], gpu["memory_total_bytes"]
    if used is None or total is None:
        return Check(name, SKIP, cause="the driver does not say how much memory is used")
    limit = max(LEFTOVER_BYTES, int(LEFTOVER_SHARE * total))
    if used <= limit:
        return Check(name, PASS, used, limit, "bytes")
    holders = f" by processes {', '.join(map(str, gpu['processes']))}" if gpu["processes"] else ""
    cause = f"{gpu['name']} {gpu['uuid']}: {used / 2**20:.0f} MiB are in use{holders} before this job touches it"
    return Check(name, WARN, used, limit, "bytes", cause, "End what an earlier job left on this GPU.")


def _torch(found: Findings, expect: Expectation) -> list[Check]:
    built = found.built
    if built is None:
        return []
    if "error" in built:
        advice = "Put torch into the image: [image] torch, or your requirements."
        return [Check("torch.import", BLOCK, cause=f"torch cannot be imported: {built['error']}", advice=advice)]
    checks = [Check("torch.import", PASS, built["seconds"], None, "s"), _version(str(built["version"]), expect.torch)]
    if expect.gpus:
        checks.append(_count(built, expect.gpus))
    return checks


def _version(version: str, expected: str | None) -> Check:
    if expected is None:
        return Check("torch.version", PASS, version)
    plain = version.partition("+")[0]
    if plain == expected or plain.startswith(expected + "."):
        return Check("torch.version", PASS, version, expected)
    cause = f"torch is {version}, the configuration says {expected}"
    advice = "Rebuild the image, or look which of your requirements brings another torch."
    return Check("torch.version", BLOCK, version, expected, "", cause, advice)


def _count(built: Mapping[str, Any], wanted: int) -> Check:
    if built["cuda"] is None:
        cause = f"{wanted} GPUs are asked for, and torch {built['version']} is built without CUDA"
        advice = "Use a CUDA variant of the image ([image] variant), or [train] gpus = 0."
        return Check("gpu.count", BLOCK, 0, wanted, "GPUs", cause, advice)
    count = int(built["devices"])
    if count >= wanted and not built["reason"]:
        return Check("gpu.count", PASS, count, wanted, "GPUs")
    why = str(built["reason"]) or "torch sees no more"
    advice = "Check that the job is started with GPUs (driver, container toolkit, CUDA_VISIBLE_DEVICES)."
    sick = count > 0 or SICK.search(why) is not None
    return Check(
        "gpu.count", BLOCK, count, wanted, "GPUs", f"{count} of {wanted} GPUs are usable: {why}", advice, node=sick
    )


def _device(row: Mapping[str, Any]) -> Check:
    name = f"device.answers.{row['device']}"
    advice = "Run on another node, and have this device looked at."
    if "error" in row:
        return Check(name, BLOCK, cause=f"the device does not answer: {row['error']}", advice=advice, node=True)
    if not row["right"]:
        return Check(name, BLOCK, cause="the device gives a wrong sum of ones", advice=advice, node=True)
    return Check(name, PASS, str(row["name"]))


def _numerics(row: Mapping[str, Any]) -> Sequence[Check]:
    exact, reference = f"numerics.exact.{row['device']}", f"numerics.reference.{row['device']}"
    advice = "Do not train here: the device computes wrong results. Have it looked at."
    if "error" in row:
        return [Check(exact, BLOCK, cause=f"the test did not run: {row['error']}", advice=advice, node=True)]
    wrong, worst, tested = int(row["wrong"]), float(row["worst"]), f"{row['operations']:.1e} multiply-adds"
    checks = [Check(exact, PASS, 0, 0, "wrong elements")]
    if wrong:
        places = ", ".join(f"({line}, {column})" for line, column in row["places"])
        cause = f"at least {wrong} elements of an exact product are wrong, at {places}"
        checks = [Check(exact, BLOCK, wrong, 0, "wrong elements", cause, advice, node=True)]
    if 0 <= worst <= 1:
        checks.append(Check(reference, PASS, round(worst, 4), 1, f"of the tolerance, {tested}"))
    else:
        cause = "the product holds NaN or infinity" if worst < 0 else f"the error is {worst:.1f} times the tolerance"
        checks.append(Check(reference, BLOCK, worst, 1, "of the tolerance", cause, advice, node=True))
    return checks


def _stopped(step: str, ending: str) -> Check:
    name = (
        "torch.import" if step in ("start", "import") else step.replace(" ", ".").replace("device.", "device.answers.")
    )
    advice = "Run on another node; if it happens there too, the image is at fault."
    return Check(name, BLOCK, cause=f"the probe {ending} during: {step}", advice=advice, node=True)
