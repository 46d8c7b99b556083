"""Matrices for tests: the same on every machine, since the CPU makes them from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.tolerances import EXACT_INTEGERS, densest_ternary

CHANCE = 1e-9
"""How probable it may be that a right result does not fit its type."""


@dataclass(frozen=True)
class Kind:
    """A way to multiply: the type of the operands, and for exact products the largest integer in them."""

    name: str
    dtype: str
    largest: int
    gpu_only: bool = False


KINDS = (
    Kind("fp32", "float32", 8),
    Kind("tf32", "float32", 8, gpu_only=True),
    Kind("bf16", "bfloat16", 1),
    Kind("fp16", "float16", 2),
    Kind("int8", "int8", 127),
    Kind("fp64", "float64", 1000),
)
BY_NAME = {kind.name: kind for kind in KINDS}


def kinds(context: Context) -> list[Kind]:
    """Those that mean something on this device; bf16 has its own units from compute capability 8.0 on."""
    return [kind for kind in KINDS if not (context.cpu and kind.gpu_only)]


def integers(context: Context, kind: Kind, shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """Two matrices of int8 or int16 on the CPU whose product is exact in the kind's result type."""
    torch, (rows, terms, columns) = context.torch, shape
    generator = context.generator(1)
    stored = torch.int8 if kind.largest <= 127 else torch.int16

    def matrix(height: int, width: int) -> Any:
        if kind.name == "bf16":
            share = densest_ternary(terms=terms, bound=EXACT_INTEGERS["bf16"], results=rows * columns, chance=CHANCE)
            uniform = torch.rand(height, width, generator=generator)
            return (uniform < share / 2).to(stored) - (uniform > 1 - share / 2).to(stored)
        return torch.randint(-kind.largest, kind.largest + 1, (height, width), generator=generator, dtype=stored)

    return matrix(rows, terms), matrix(terms, columns)


def normal(context: Context, kind: Kind, height: int, width: int, offset: int = 2) -> Any:
    """Normal random numbers, rounded to the kind's type: what follows is the error of the product alone."""
    torch = context.torch
    numbers = torch.randn(height, width, generator=context.generator(offset))
    if kind.name == "tf32":
        return (numbers.view(torch.int32) & ~0x1FFF).view(torch.float32)
    return numbers.to(getattr(torch, kind.dtype))


def product(context: Context, kind: Kind) -> Callable[[Any, Any], Any]:
    """The multiplication under test, with the modes of cuBLAS that it needs."""
    torch = context.torch
    exact_modes(torch, tf32=kind.name == "tf32")
    multiply: Callable[[Any, Any], Any] = torch._int_mm if kind.name == "int8" else torch.matmul  # noqa: SLF001
    return multiply


def exact_modes(torch: Any, *, tf32: bool = False) -> None:
    """No reduced precision but what is asked for, in this process."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cudnn.allow_tf32 = False
