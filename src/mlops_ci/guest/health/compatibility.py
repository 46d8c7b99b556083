"""Build of torch, CUDA, driver and GPU against each other, from the table, with what to do in the user's own words.

Numbered rules of the table's sources: a newer driver runs an older CUDA; an older driver runs a newer minor version of
its own major one, without code that is compiled at start; a GPU needs code of its own major architecture, or PTX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, Check
from mlops_ci.guest.health.tables import table

ARCHITECTURE = re.compile(r"^(?P<kind>sm|compute)_(?P<major>\d+)(?P<minor>\d)(?P<special>[a-z]*)$")


@dataclass(frozen=True)
class Build:
    """A build of torch: `cuda` is None for one without CUDA; `architectures` as torch.cuda.get_arch_list gives them."""

    version: str
    cuda: str | None
    architectures: tuple[str, ...] = ()
    hip: str | None = None


def build_check(build: Build, driver: str, capability: tuple[int, int] | None) -> Check:
    """Whether this build can use a GPU at all."""
    if build.hip:
        cause = f"torch {build.version} is built for ROCm, and GPUs of NVIDIA are asked for"
        return Check("torch.build", BLOCK, build.hip, None, "", cause, _take(build.version, driver, capability))
    if build.cuda is None:
        cause = f"GPUs are asked for, and torch {build.version} is built without CUDA"
        return Check("torch.build", BLOCK, "cpu", None, "", cause, _take(build.version, driver, capability))
    return Check("torch.build", PASS, f"CUDA {build.cuda}")


def driver_check(build: Build, driver: str, cuda: int | None, name: str, capability: tuple[int, int] | None) -> Check:
    """Whether the driver runs the CUDA of this build. `cuda` is NVML's number, 12020 for 12.2; `name` a GPU's."""
    check = "driver.cuda"
    if build.cuda is None:
        return Check(check, SKIP, cause="this build of torch has no CUDA")
    if not driver:
        return Check(check, SKIP, cause="the driver's version is not known")
    wanted = numbers(build.cuda)
    least = oldest_driver(build.cuda)
    if least is None:
        return Check(check, SKIP, cause=f"the table does not know CUDA {build.cuda}")
    if numbers(driver) < numbers(least):
        cause = f"driver {driver} cannot run CUDA {build.cuda} (it needs {least} or newer)"
        advice = _take(build.version, driver, capability)
        extra = " On this GPU cuda-compat helps too." if _data_centre(name) else ""
        return Check(check, BLOCK, driver, least, "", cause, f"{advice}, or update the driver to {least}.{extra}")
    if cuda is not None and (cuda // 1000, cuda % 1000 // 10) < wanted[:2]:
        cause = f"driver {driver} knows CUDA {cuda // 1000}.{cuda % 1000 // 10}, and torch is built with {build.cuda}"
        advice = "Code that is compiled at start (torch.compile, PTX of other libraries) may fail with error 222."
        return Check(check, PASS, driver, least, "", evidence=f"{cause}: minor version compatibility. {advice}")
    return Check(check, PASS, driver, least)


def gpu_checks(build: Build, driver: str, name: str, capability: tuple[int, int] | None) -> Iterator[Check]:
    """Whether driver and build know this GPU."""
    if capability is None:
        yield Check("torch.architecture", SKIP, cause="the GPU's compute capability is not known")
        return
    yield generation_check(driver, name, capability)
    if build.cuda is None or not build.architectures:
        yield Check("torch.architecture", SKIP, cause="this build does not name the architectures that it has code for")
        return
    shown = f"{capability[0]}.{capability[1]}"
    if supported(build.architectures, capability):
        yield Check("torch.architecture", PASS, shown)
    else:
        cause = f"torch {build.version} has no code for {name} (compute capability {shown})"
        advice = _take(build.version, driver, capability) + "."
        yield Check("torch.architecture", BLOCK, shown, None, "", cause, advice, evidence=" ".join(build.architectures))


def generation_check(driver: str, name: str, capability: tuple[int, int]) -> Check:
    """Whether the driver knows this generation of GPUs: not yet, still, or no longer."""
    known = table("compatibility")
    check = "driver.gpu"
    if not driver:
        return Check(check, SKIP, cause="the driver's version is not known")
    for rule in known["last_drivers"]:
        if capability < numbers(rule["below"]) and numbers(driver)[0] > rule["branch"]:
            cause = f"driver {driver} has dropped {rule['family']} ({name})"
            return Check(check, BLOCK, driver, rule["branch"], "", cause, f"Install a driver {rule['branch']}.")
    for rule in known["first_drivers"]:
        if capability >= numbers(rule["from"]) and numbers(driver) < numbers(rule["driver"]):
            cause = f"driver {driver} is older than {rule['family']} ({name})"
            advice = f"Update the driver to {rule['driver']} or newer."
            return Check(check, BLOCK, driver, rule["driver"], "", cause, advice)
    return Check(check, PASS, driver)


def supported(architectures: Sequence[str], capability: tuple[int, int]) -> bool:
    """Whether code for one of them runs: of the own major architecture and no newer minor, or PTX that is not newer."""
    for match in filter(None, map(ARCHITECTURE.match, architectures)):
        own = (int(match["major"]), int(match["minor"]))
        if match["special"]:
            fits = own == capability
        elif match["kind"] == "compute":
            fits = own <= capability
        else:
            fits = own[0] == capability[0] and own[1] <= capability[1]
        if fits:
            return True
    return False


def oldest_driver(cuda: str) -> str | None:
    """The oldest driver that runs programs of that CUDA; None where the table does not know it."""
    found: str | None = table("compatibility")["toolkits"]["minimum"].get(str(numbers(cuda)[0]))
    return found


def own_driver(cuda: str) -> str | None:
    """The driver that came with that CUDA, from which on nothing is limited; None where the table does not know it."""
    found: str | None = table("compatibility")["toolkits"]["shipped"].get(cuda)
    return found


def runs(cuda: str, driver: str) -> bool:
    """Whether a driver runs programs of that CUDA."""
    least = oldest_driver(cuda)
    return least is not None and numbers(driver) >= numbers(least)


def runs_whole(cuda: str, driver: str) -> bool:
    """Whether it runs them without limits: an older one cannot compile their PTX."""
    own = own_driver(cuda)
    return own is not None and numbers(driver) >= numbers(own)


def published(torch: str) -> Sequence[str]:
    """Every CUDA that its makers built this torch with, as far as the table knows."""
    return _wheels().get(".".join(map(str, series(torch))), ())


def architectures(torch: str, cuda: str) -> tuple[str, ...]:
    """What PyTorch's own wheel of that version and CUDA has code for; nothing where the table does not know it."""
    rows = [
        row
        for row in table("compatibility")["wheels"]["architectures"]
        if cuda in row["cuda"] and series(torch) >= numbers(row["from"])
    ]
    return tuple(max(rows, key=lambda row: numbers(row["from"]))["list"]) if rows else ()


def has_code(torch: str, cuda: str, capability: tuple[int, int]) -> bool:
    """Whether that wheel has code for a GPU, as far as the table knows."""
    known = architectures(torch, cuda)
    return not known or supported([f"sm_{one.replace('.', '')}" for one in known], capability)


def newest(builds: Sequence[str], driver: str) -> str | None:
    """The newest CUDA among these that a driver runs, best one that it runs without limits; any without a driver."""
    if not driver:
        return max(builds, key=numbers, default=None)
    whole = [cuda for cuda in builds if runs_whole(cuda, driver)]
    return max(whole or [cuda for cuda in builds if runs(cuda, driver)], key=numbers, default=None)


def fitting(
    torch: str, driver: str, capability: tuple[int, int] | None, *, among: Sequence[str] | None = None
) -> str | None:
    """The newest CUDA with a wheel of this torch for that driver and GPU; None where there is none."""
    builds = published(torch) if among is None else among
    return newest([cuda for cuda in builds if capability is None or has_code(torch, cuda, capability)], driver)


def _take(torch: str, driver: str, capability: tuple[int, int] | None) -> str:
    """What to install."""
    if not driver and capability is None:
        return "Take a CUDA variant of the image ([image] variant)"
    cuda = fitting(torch, driver, capability)
    if cuda is not None:
        return f"Take the variant cu{cuda.replace('.', '')} ([image] variant)"
    older = [one for one in _wheels() if numbers(one) <= series(torch) and fitting(one, driver, capability)]
    if older:
        newest = max(older, key=numbers)
        good = fitting(newest, driver, capability) or ""
        return f"Take torch {newest} or older with the variant cu{good.replace('.', '')} ([image] torch, variant)"
    return "No build of PyTorch that the table knows fits driver and GPU"


def _wheels() -> Mapping[str, Sequence[str]]:
    found: Mapping[str, Sequence[str]] = table("compatibility")["wheels"]["torch"]
    return found


def _data_centre(name: str) -> bool:
    return any(re.search(rf"\b{one}\b", name) for one in table("compatibility")["data_centre"]["names"])


def series(version: str) -> tuple[int, ...]:
    """The first two numbers of a version of torch: 2.13 of `2.13.0+cu130`."""
    return numbers(version)[:2]


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
