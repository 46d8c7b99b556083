"""Small extra packages of the user over the image: which they are, and for which Python they are put together."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from packaging.markers import default_environment
from packaging.tags import compatible_tags, cpython_tags, platform_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from mlops_ci.engines.inside_image import image_python, interpreter
from mlops_ci.files import digest_of
from mlops_ci.images import catalogue, extra_lock, host_python, lockfile
from mlops_ci.images.catalogue import CPU, Catalogue
from mlops_ci.images.extra_lock import LOCK_IT, ExtraLock, ExtraLockError
from mlops_ci.images.lockfile import Pin
from mlops_ci.images.plan import LayerPlan
from mlops_ci.settings.settings import Settings

# As a part of the scan, a folder of jobs, a file: wherever the packages need a name.
NAME = "extra"
SCHEMA = "mlops-ci/extra/1"
# manylinux's oldest glibc, and the names that it had before PEP 600.
OLDEST_GLIBC = 5
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """The Python that imports the packages: `version` as `3.11`, `tags` are the platforms whose wheels it can load."""

    version: str
    machine: str
    tags: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The options by which pip takes wheels for this Python, whichever runs pip."""
        platforms = (word for tag in self.tags for word in ("--platform", tag))
        return ("--python-version", self.version, "--implementation", "cp", *platforms)

    def loads(self, wheel: str) -> bool:
        """Whether it can import what a wheel of that file name holds."""
        version = tuple(int(part) for part in self.version.split("."))
        known = (
            *cpython_tags(version, platforms=self.tags),
            *compatible_tags(version, f"cp{''.join(self.version.split('.'))}", self.tags),
        )
        try:
            return not parse_wheel_filename(wheel)[3].isdisjoint(known)
        except InvalidWheelFilename:
            return False

    @property
    def markers(self) -> Mapping[str, str]:
        """The environment in which the lock's markers are judged (PEP 508)."""
        return {
            **{name: str(value) for name, value in default_environment().items()},
            "python_version": self.version,
            "python_full_version": f"{self.version}.0",
            "platform_machine": self.machine,
        }


@dataclass(frozen=True, kw_only=True)
class ExtraPlan:
    """The packages that are put over the image at the start of every job. `replaced` are those that the image has in
    another version: `numpy 2.1.0`.
    """

    lock: ExtraLock
    target: Target
    replaced: tuple[str, ...] = ()

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """Those of the lock that this Python gets."""
        return tuple(pin for pin in self.lock.pins if pin.applies(self.target.markers))

    @cached_property
    def digest(self) -> str:
        """The digest of what the lock asks for, the same on every machine."""
        return digest_of({"schema": SCHEMA, "packages": self.lock.content})

    @cached_property
    def key(self) -> str:
        """What names the folder of the packages: the lock, and the Python that imports them."""
        return digest_of({"lock": self.digest, "python": self.target.version, "platforms": self.target.tags})

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages as `name version`."""
        return tuple(f"{pin.name} {pin.version}" for pin in self.pins)


def plan(settings: Settings, images: Sequence[LayerPlan], *, engine: str, variant: str) -> ExtraPlan | None:
    """The packages that `[image] extra` names, None without it. Raises `ExtraLockError`; fetches nothing."""
    name = settings.tables.image.extra
    if name is None:
        return None
    known = catalogue.load()
    kept = (*known.protected, *known.companions, *known.nvidia)
    where = settings.where("image.extra")
    lock = extra_lock.read(name, root=settings.root, where=where, kept=kept)
    target = _target(settings, known, engine=engine, variant=variant)
    found = ExtraPlan(lock=lock, target=target, replaced=_replaced(lock.pins, images, target))
    if not found.pins:
        raise ExtraLockError(f"{where}: no package of {name} is for Python {target.version}", hint=LOCK_IT)
    return found


def environment_key(images: Sequence[LayerPlan], extra: ExtraPlan | None) -> str:
    """What jobs run in: the image's content key, with the packages that are put over it."""
    key = images[-1].content_key
    return key if extra is None else digest_of({"image": key, "extra": extra.key})


def _target(settings: Settings, known: Catalogue, *, engine: str, variant: str) -> Target:
    """The image's Python by the catalogue; on this machine, the one that runs jobs here."""
    if engine == "docker":
        chosen = known.variant(settings.tables.image.torch, variant or CPU)
        return Target(
            version=chosen.python, machine=chosen.machine, tags=wheel_platforms(known.base.glibc, chosen.machine)
        )
    version = host_python.version()
    if engine == "inside":
        version = ".".join(image_python(interpreter()).version.split()[0].split(".")[:2])
    return Target(version=version, machine=platform.machine(), tags=tuple(platform_tags()))


def wheel_platforms(glibc: str, machine: str) -> tuple[str, ...]:
    """The platforms of wheels that a Linux with this glibc loads, the newest first."""
    newest = int(glibc.partition(".")[2])
    found: list[str] = []
    for minor in range(newest, OLDEST_GLIBC - 1, -1):
        found.append(f"manylinux_2_{minor}_{machine}")
        if minor in LEGACY:
            found.append(f"{LEGACY[minor]}_{machine}")
    return (*found, f"linux_{machine}")


def _replaced(pins: Sequence[Pin], images: Sequence[LayerPlan], target: Target) -> tuple[str, ...]:
    """What the image's own locks name in another version. What the user's requirements bring nobody knows yet."""
    wanted = {pin.name: pin.version for pin in pins if pin.applies(target.markers)}
    locks = [plan.spec.lock for plan in images if plan.spec is not None and plan.spec.lock is not None]
    there = {pin.name: pin.version for lock in locks for pin in lockfile.read(lock)}
    return tuple(
        f"{name} {there[name]}" for name, version in wanted.items() if name in there and there[name] != version
    )


def words(found: ExtraPlan) -> str:
    """What plan says of them."""
    instead = f", in place of the image's {', '.join(found.replaced)}" if found.replaced else ""
    return f"over the image at the start of every job: {', '.join(found.packages)} ({found.lock.name}){instead}"
