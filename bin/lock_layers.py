"""The locks of one variant's layers: what uv resolves for PyTorch, parted into layers, and what stands on it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lock_compile import HEADER, Compiler, Unreachable

from mlops_ci.images import lockfile
from mlops_ci.images.catalogue import CORE, GENERAL, Catalogue, Layer, Variant
from mlops_ci.images.lockfile import Pin

# The layer below it that has a part of its closure.
SHARED_BELOW = "nvidia"
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(kw_only=True)
class VariantLocks:
    """The locks of one variant. `folders` hold wheels; `made` are the texts by path; `lacks` is what was left out."""

    known: Catalogue
    variant: Variant
    compiler: Compiler
    folders: tuple[Path, ...]
    made: dict[Path, str] = field(default_factory=dict)
    lacks: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def write(self) -> None:
        """Compile all of them. Raises `Unreachable` when PyTorch itself cannot be found."""
        if not self._found("torch"):
            self.compiler.ask(self.variant.index)
        layers = [layer for layer in self.known.layers.values() if layer.kind in (None, self.variant.kind)]
        core = self.known.layers[CORE]
        before = [path for layer in layers if (path := layer.lock_file(self.variant))]
        closure = self._compile(core, before)
        lower = [pin for pin in closure if self.variant.cuda and self._is_nvidia(pin)]
        if self.variant.cuda:
            self._keep(self.known.layers[SHARED_BELOW], lower)
        self._keep(core, [pin for pin in closure if pin not in lower])
        fixed = list(closure)
        for layer in layers:
            if layer.lock_file(self.variant) and layer.name not in (CORE, SHARED_BELOW):
                found = self._compile(layer, before, fixed)
                below = {pin.text for pin in closure}
                self._keep(layer, [pin for pin in found if pin.text not in below])
                fixed += [pin for pin in found if pin.text not in {one.text for one in fixed}]

    def _compile(self, layer: Layer, before: Iterable[Path], fixed: Iterable[Pin] = ()) -> tuple[Pin, ...]:
        cuda = ("requirements.cuda.in", f"requirements.cuda{self._values()['major']}.in") if self.variant.cuda else ()
        names = ("requirements.in", *cuda)
        files = [layer.folder / name for name in names if (layer.folder / name).is_file()]
        lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        wanted, left_out = self._render(lines)
        if left_out:
            self.lacks[f"{layer.name}/{self.variant.id}"] = left_out
        kept = "".join(path.read_text(encoding="utf-8") for path in before if path.is_file())
        return self.compiler.pins(wanted, kept=kept, fixed=fixed, options=self._options())

    def _render(self, lines: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
        """The requirements with the variant's pins, and the companions that cannot be had."""
        wanted, left_out = [], []
        for line in lines:
            text = line.partition("#")[0].strip()
            named = [name for name in PLACEHOLDER.findall(text) if name in self.variant.pins]
            missing = [name for name in named if not self._found(name)]
            try:
                for _ in missing:
                    self.compiler.ask(self.variant.index)
            except Unreachable:
                left_out += [f"{name} {self.variant.pins[name]}" for name in missing]
                continue
            wanted += [text.format(**self._values())] if text else []
        return wanted, tuple(left_out)

    def _values(self) -> Mapping[str, str]:
        cuda = self.variant.cuda
        return {
            **self.variant.pins,
            "cuda": cuda.version if cuda else "",
            "major": cuda.version.split(".")[0] if cuda else "",
        }

    def _found(self, name: str) -> bool:
        """Whether a distribution can be had without PyTorch's own index."""
        return self.variant.index == GENERAL or bool(self._having(name))

    def _having(self, name: str) -> list[Path]:
        pattern = f"{name}-{self.variant.pins[name]}-*.whl"
        return [folder for folder in self.folders if any(folder.glob(pattern))]

    def _options(self) -> tuple[str, ...]:
        if self.variant.index == GENERAL:
            return ()
        having = self._having("torch")
        if having:
            return tuple(word for folder in having for word in ("--find-links", str(folder)))
        return ("--extra-index-url", self.variant.index, "--index-strategy", "unsafe-best-match")

    def _is_nvidia(self, pin: Pin) -> bool:
        return any(fnmatch.fnmatch(pin.name, pattern) for pattern in self.known.nvidia)

    def _path(self, layer: Layer) -> Path:
        path = layer.lock_file(self.variant)
        assert path is not None
        return path

    def _keep(self, layer: Layer, pins: Iterable[Pin]) -> None:
        self.made[self._path(layer)] = HEADER + "".join(pin.text for pin in pins)


def moved(before: Path, after: str) -> Iterator[str]:
    """What differs between a lock and its new text, a line each."""
    old = _versions(lockfile.read(before)) if before.is_file() else {}
    new = _versions(lockfile.parse(after, before))
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if was != now:
            yield f"  {name}: {was or 'new'} -> {now or 'gone'}"


def _versions(pins: Iterable[Pin]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for pin in pins:
        found.setdefault(pin.name, []).append(str(pin.version))
    return {name: ", ".join(versions) for name, versions in found.items()}
