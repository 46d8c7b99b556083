"""The catalogue: the tree of layers, the variants and the pins, and what a name in the settings means in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from mlops_ci.errors import InternalError, UsageError
from mlops_ci.guest.health import compatibility
from mlops_ci.nearness import did_you_mean
from mlops_ci.resources import bundle

SHARED_FOLDER = "common"
GENERAL = "general"
CPU = "cpu"
# The layer that holds PyTorch itself.
CORE = "torch"
# The one below it: Python, and no package at all.
PLAIN = "python"
Kind = Literal["cpu", "cuda"]


class CatalogueError(InternalError):
    """The catalogue that travels with the package cannot be used."""


class UnknownLayerError(UsageError):
    """`[image] layer` names no layer of the catalogue."""


class UnknownTorchError(UsageError):
    """`[image] torch` names no release series of the catalogue."""


class UnknownVariantError(UsageError):
    """The variant is not in the catalogue."""


class ImpossibleVariantError(UsageError):
    """The settings ask for a build of PyTorch that does not exist, or that cannot run on the GPUs that they name."""


@dataclass(frozen=True, kw_only=True)
class ExternalBase:
    """The image of others that the lowest layer is built on: short name, manifest digest, and its C library."""

    name: str
    digest: str
    glibc: str


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How layers are packed, by a builder that can."""

    compression: str
    level: int

    def __str__(self) -> str:
        """As content keys name it."""
        return f"{self.compression} {self.level}"

    @property
    def words(self) -> str:
        """As a builder's output names it."""
        return f"compression={self.compression},compression-level={self.level}"


@dataclass(frozen=True, kw_only=True)
class Cuda:
    """A CUDA release; which drivers run it says the table of the health check."""

    name: str
    version: str

    @property
    def minimum(self) -> str:
        """The oldest NVIDIA driver that runs what is built with it."""
        return compatibility.oldest_driver(self.version) or ""

    @property
    def native(self) -> str | None:
        """The driver that came with it, from which nothing is limited; None where the table does not know it."""
        return compatibility.own_driver(self.version)


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release series of PyTorch with its exact pins."""

    series: str
    torch: str
    torchvision: str
    torchaudio: str
    default: str

    @property
    def upstream(self) -> tuple[str, ...]:
        """The builds that its makers published."""
        return (CPU, *(f"cu{cuda.replace('.', '')}" for cuda in compatibility.published(self.series)))


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One build of one release of PyTorch, such as `cu128` of 2.9.

    `local` is the local version of its wheels, `hashed` the Pythons whose wheel (for `machine`) the lock has a hash of,
    `pending` why it has no locks (None: it has them).
    """

    release: Release
    name: str
    index: str
    python: str
    platform: str
    machine: str
    hashed: tuple[str, ...]
    cuda: Cuda | None = None
    pending: str | None = None

    @property
    def id(self) -> str:
        """Series and build: `2.9-cu128`, as in the names of locks."""
        return f"{self.release.series}-{self.name}"

    @property
    def kind(self) -> Kind:
        """Whether it needs CUDA."""
        return "cuda" if self.cuda else "cpu"

    @property
    def local(self) -> str:
        """The local version of its wheels: the general index has them under the plain one."""
        return "" if self.index == GENERAL else f"+{self.name}"

    @property
    def torch(self) -> str:
        """The exact version of PyTorch."""
        return f"{self.release.torch}{self.local}"

    @property
    def pins(self) -> dict[str, str]:
        """The exact versions of PyTorch and of what is built against it."""
        release = self.release
        found = {"torch": release.torch, "torchvision": release.torchvision, "torchaudio": release.torchaudio}
        return {name: f"{version}{self.local}" for name, version in found.items()}

    @property
    def sm(self) -> tuple[str, ...]:
        """The compute capabilities that its wheels hold code for."""
        return compatibility.architectures(self.release.series, self.cuda.version) if self.cuda else ()

    def runs_on(self, capability: str) -> bool:
        """Whether its wheels hold code for a GPU."""
        major, minor = (int(part) for part in capability.split("."))
        return self.cuda is not None and compatibility.has_code(self.release.series, self.cuda.version, (major, minor))


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer: `parent` by kind of variant, or `on`: the layers that it can stand on, the usual one first.

    `kind`: it is only in variants of that kind. `lock`: it installs locked Python packages, or does so in the builds
    whose names begin so. `uses` names what its build step fetches (apt, pip), `files` its own beside the Dockerfile,
    `shared` those of the folder common. `tags` are the ends of its readable tags. `budget`: what it may hold, unpacked
    and without what is below it, in MB by kind of variant. `lacks`: what it has not, with the reason, by how the names
    of builds begin.
    """

    name: str
    folder: Path
    parent: Mapping[str, str] = field(default_factory=dict)
    on: tuple[str, ...] = ()
    kind: Kind | None = None
    lock: bool | str = False
    uses: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    budget: Mapping[str, int] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)

    def budget_bytes(self, kind: Kind) -> int | None:
        """What the layer may hold in variants of that kind, unpacked; None: whatever it likes."""
        return self.budget[kind] * 1_000_000 if kind in self.budget else None

    @property
    def below(self) -> tuple[str, ...]:
        """Every layer that can be the one below."""
        return (*self.on, *dict.fromkeys(self.parent.values()))

    def lock_file(self, variant: Variant) -> Path | None:
        """The lock of this layer in `variant`; None where it has no Python packages of its own."""
        locked = variant.name.startswith(self.lock) if isinstance(self.lock, str) else self.lock
        return self.folder / f"requirements.{variant.id}.lock" if locked else None

    def lacking(self, variant: Variant) -> tuple[str, ...]:
        """What this layer has not in `variant`, each with the reason after a colon."""
        return tuple(what for builds, what in self.lacks.items() if variant.name.startswith(builds))


@dataclass(frozen=True, kw_only=True)
class Product:
    """What `[image] layer` names in one kind of variant: its layers from the lowest one up.

    `image` is the name of the top one's image: two layers where the usual parent is not the one below.
    """

    layers: tuple[Layer, ...]
    images: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All of it. `user` is the layer of the user's own packages, `code` that of their code, `serve` that of a model.

    `lacks`: by `LAYER/VARIANT`, what a lock should hold and could not be locked.
    """

    folder: Path
    base: ExternalBase
    packing: Packing
    host_pythons: tuple[str, ...]
    protected: tuple[str, ...]
    companions: tuple[str, ...]
    nvidia: tuple[str, ...]
    releases: Mapping[str, Release]
    cudas: Mapping[str, Cuda]
    variants: Mapping[str, Variant]
    layers: Mapping[str, Layer]
    user: Layer = field(compare=False)
    code: Layer = field(compare=False)
    serve: Layer = field(compare=False)
    lacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def product(self, name: str, kind: Kind) -> Product:
        """The layers that `[image] layer` means, such as `train` or `vision+dev`. Raises `UnknownLayerError`."""
        words = [word.strip() for word in name.split("+")]
        for word in words:
            if word not in self.layers:
                raise UnknownLayerError(
                    f"[image] layer: `{word}` is not in the catalogue{did_you_mean(word, self.layers)}",
                    hint=f"use one of: {', '.join(self.products(kind))}",
                )
        layers: list[Layer] = []
        images: list[str] = []
        for index, word in enumerate(words):
            found = self.layers[word]
            if index == 0:
                self._stack(found, kind, layers, images)
            elif words[index - 1] in found.on:
                layers.append(found)
                usual = found.on[0] == words[index - 1]
                images.append(found.name if usual else f"{images[-1]}-{found.name}")
            else:
                can = ", ".join(f"`{one}`" for one in found.on) or "no choice of layers"
                raise UnknownLayerError(
                    f"[image] layer `{name}`: `{word}` does not stand on `{words[index - 1]}`; it stands on {can}",
                    hint=f"use one of: {', '.join(self.products(kind))}",
                )
        return Product(layers=tuple(layers), images=tuple(images))

    def _stack(self, layer: Layer, kind: Kind, layers: list[Layer], images: list[str]) -> None:
        """Put a layer and its usual parents on the stack."""
        if layer.kind not in (None, kind):
            raise UnknownLayerError(
                f"[image] layer `{layer.name}` exists only in variants for {layer.kind}",
                hint=f"use one of: {', '.join(self.products(kind))}",
            )
        below = layer.on[0] if layer.on else layer.parent.get(kind)
        if below is not None:
            self._stack(self.layers[below], kind, layers, images)
        layers.append(layer)
        images.append(layer.name)

    def products(self, kind: Kind) -> tuple[str, ...]:
        """Every name that `[image] layer` can have."""
        plain = [layer.name for layer in self.layers.values() if layer.kind in (None, kind)]
        combined = [f"{on}+{layer.name}" for layer in self.layers.values() for on in layer.on[1:]]
        return (*plain, *combined)

    def release(self, series: str) -> Release:
        """The release series, such as `2.13`; an exact release such as `2.13.0` means its series, when it is its pin.

        Raises `UnknownTorchError` with the nearest series.
        """
        for known in self.releases.values():
            if series in (known.series, known.torch):
                return known
        near = nearest(series, tuple(self.releases))
        exact = f" ({self.releases[near].torch})" if series.count(".") > 1 else ""
        raise UnknownTorchError(
            f"[image] torch `{series}` is not a release of the catalogue; the nearest is `{near}`{exact}",
            hint=f"use one of: {', '.join(self.releases)}",
        )

    def of(self, release: Release) -> dict[str, Variant]:
        """The variants of a release series, by build."""
        return {variant.name: variant for variant in self.variants.values() if variant.release.series == release.series}

    def variant(self, series: str, name: str) -> Variant:
        """That build of that series. Raises `UnknownVariantError`, `ImpossibleVariantError`."""
        release = self.release(series)
        found = self.of(release)
        if name in found:
            return found[name]
        use = f"use auto, or one of: {', '.join(found)}"
        if name in release.upstream:
            raise UnknownVariantError(
                f"the catalogue has no `{name}` of PyTorch {release.series}, which was published{_near(name, found)}",
                hint=use,
            )
        if name == CPU or (name.startswith("cu") and name[2:].isdigit()):
            raise ImpossibleVariantError(
                f"PyTorch {release.series} was never built for `{name}` (it was for {', '.join(release.upstream)})"
                f"{_near(name, found)}",
                hint=use,
            )
        raise UnknownVariantError(
            f"the variant `{name}` is not in the catalogue{did_you_mean(name, found)}",
            hint=use,
        )


@cache
def load(folder: Path | None = None) -> Catalogue:
    """The catalogue in `folder`, by default the one that travels with the package. Raises `CatalogueError`."""
    from mlops_ci.images import catalogue_file

    return catalogue_file.read(folder or bundle("images"))


def numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version, for comparisons; what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("."))


def nearest(series: str, known: tuple[str, ...]) -> str:
    """The known series with the smallest distance, the first numbers counting most."""
    wanted = numbers(series)
    return min(known, key=lambda name: tuple(abs(a - b) for a, b in zip(numbers(name), wanted, strict=False)))


def _near(name: str, known: Mapping[str, Variant]) -> str:
    """The nearest CUDA, as the end of a sentence."""
    builds = [build for build in known if build != CPU]
    if not builds:
        return ""
    if name == CPU:
        return f"; it has {', '.join(builds)}"
    near = min(builds, key=lambda build: (abs(int(build[2:]) - int(name[2:])), -int(build[2:])))
    return f"; the nearest is `{near}`"
