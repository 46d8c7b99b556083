"""What each layer of an image weighs, against the wheels that it was made from and the budget that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.errors import GateError
from mlops_ci.images.look import Inventory


class ImageTooBigError(GateError):
    """A layer is bigger than its budget in the catalogue."""


@dataclass(frozen=True, kw_only=True)
class LayerSize:
    """Bytes of one layer: `unpacked`; `packed` as the registry keeps it (None: nobody has packed it yet).

    `wheels` is what its Python packages hold, `bytecode` what Python made of them for a quicker start.
    """

    name: str
    ref: str
    unpacked: int
    packed: int | None
    wheels: int
    bytecode: int
    budget: int | None

    @property
    def overhead(self) -> float | None:
        """Unpacked bytes without bytecode over those of the wheels; None for a layer without wheels."""
        return (self.unpacked - self.bytecode) / self.wheels if self.wheels else None

    @property
    def over(self) -> bool:
        """Whether it is beyond its budget."""
        return self.budget is not None and self.unpacked > self.budget


def unpacked_bytes(ref: str) -> int:
    """What all layers of the engine's image hold, unpacked. Both image stores say so in its history."""
    return sum(int(entry.get("Size") or 0) for entry in DockerSocket().history(ref))


def check_budget(name: str, unpacked: int, budget: int | None) -> None:
    """Raise `ImageTooBigError` when a layer is beyond its budget."""
    if budget is not None and unpacked > budget:
        raise ImageTooBigError(
            f"the layer {name} holds {unpacked / 1e6:.0f} MB, and its budget in the catalogue is {budget / 1e6:.0f} MB",
            hint="`mlops-ci images size` shows what it holds; a budget is raised in the catalogue",
        )


def layer_sizes(
    names: Sequence[str],
    refs: Sequence[str],
    inventories: Sequence[Inventory | None],
    *,
    unpacked: Sequence[int],
    packed: Mapping[str, int],
    budgets: Mapping[str, int],
) -> tuple[LayerSize, ...]:
    """The sizes of a stack of images from base to top, each without what the one below it holds.

    An inventory is None where nothing can look into the image: one without a Python.
    """
    found: list[LayerSize] = []
    below, wheels, bytecode, packed_below = 0, 0, 0, 0
    for name, ref, inside, total in zip(names, refs, inventories, unpacked, strict=True):
        all_wheels = sum(one.bytes for one in inside.packages) if inside else 0
        all_bytecode = inside.bytecode if inside else 0
        found.append(
            LayerSize(
                name=name,
                ref=ref,
                unpacked=total - below,
                packed=packed[ref] - packed_below if ref in packed else None,
                wheels=max(0, all_wheels - wheels),
                bytecode=max(0, all_bytecode - bytecode),
                budget=budgets.get(name),
            )
        )
        below, wheels, bytecode, packed_below = total, all_wheels, all_bytecode, packed.get(ref, packed_below)
    return tuple(found)
