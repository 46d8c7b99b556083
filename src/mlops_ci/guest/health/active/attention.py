"""Attention, forward and backward, against float64 on the CPU: exponentials, reductions and both kinds of products.

The tolerance of a dot product is carried through the softmax, to first order and element by element: an error d of a
score changes a probability by at most 2 d p, where d is the largest of its row; a probability may be stored in the
narrow type before it is multiplied; each sum adds its own accumulation error, each result its rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.floats import judged, worst
from mlops_ci.guest.health.active.guard import guarded
from mlops_ci.guest.health.active.operands import BY_NAME, Kind, exact_modes
from mlops_ci.guest.health.active.tolerances import UNIT_ROUNDOFF, accumulation, rounded
from mlops_ci.guest.health.check import Check

GPU_SHAPE = (4, 8, 512, 64)
CPU_SHAPE = (1, 2, 128, 64)
"""Batch, heads, length, width of a head."""

PARTS = ("output", "gradient-of-queries", "gradient-of-keys", "gradient-of-values")


@dataclass(frozen=True)
class Reference:
    """The exact results in the order of `PARTS`, and how far right ones may be from them."""

    exact: tuple[Any, ...]
    tolerance: tuple[Any, ...]


def run(context: Context) -> list[Check]:
    """`numerics.attention.KIND`: the largest error of the result and the gradients, as a share of its tolerance."""
    checks: list[Check] = []
    for kind in (BY_NAME["fp32"], BY_NAME["bf16"]):
        name = f"numerics.attention.{kind.name}.{context.device}"
        checks.extend(guarded(name, partial(_attend, context, kind, name)))
    return checks


def _attend(context: Context, kind: Kind, name: str) -> Check:
    torch, dtype = context.torch, getattr(context.torch, kind.dtype)
    generator, shape = context.generator(8), context.by_device(gpu=GPU_SHAPE, cpu=CPU_SHAPE)
    numbers = [torch.randn(shape, generator=generator).to(dtype) for _ in range(4)]
    exact_modes(torch)
    given = [one.detach().clone().to(context.device).requires_grad_() for one in numbers[:3]]
    output = torch.nn.functional.scaled_dot_product_attention(*given)
    # A gradient handed to backward() would load a symbolic algebra package first, which takes seconds.
    (output * numbers[3].to(context.device)).sum().backward()
    results = (output.detach(), *(one.grad for one in given))
    reference = expected(torch, [one.double() for one in numbers], kind.name)
    shares = []
    for index, part in enumerate(PARTS):
        got = context.faults(f"attention.{part}", results[index]).cpu()
        shares.append((worst(torch, got, reference.exact[index], reference.tolerance[index]), part))
    share, part = max(shares)
    return judged(name, share, f"the {part.replace('-', ' ')} of {kind.name} attention")


def expected(torch: Any, numbers: list[Any], kind: str) -> Reference:
    """Attention in float64, with the tolerance of each element for this kind."""
    queries, keys, values, upstream = numbers
    length, width = queries.shape[-2:]
    scale, stored = 1 / math.sqrt(width), rounded(kind)
    short, long = accumulation(width), accumulation(length)
    part = UNIT_ROUNDOFF[kind] + long

    probabilities = torch.softmax(queries @ keys.transpose(-1, -2) * scale, dim=-1)
    score = short * scale * queries.norm(dim=-1, keepdim=True) * keys.norm(dim=-1).unsqueeze(-2)
    # Relative error of a probability: of the scores, of its storage, and of the sum over the row.
    loose = 2 * score.amax(dim=-1, keepdim=True) + part
    output = probabilities @ values
    output_off = (loose + long) * (probabilities @ values.abs()) + stored * output.abs()

    back = upstream @ values.transpose(-1, -2)
    mean = (upstream * output).sum(dim=-1, keepdim=True)
    inner = probabilities * (back - mean)
    back_off = short * upstream.norm(dim=-1, keepdim=True) * values.norm(dim=-1).unsqueeze(-2)
    mean_off = (upstream.abs() * output_off).sum(dim=-1, keepdim=True) + short * (upstream * output).abs().sum(
        dim=-1, keepdim=True
    )
    inner_off = probabilities * (loose * (back.abs() + mean.abs()) + back_off + mean_off) + part * inner.abs()

    def product(matrix: Any, off: Any, other: Any, factor: float) -> tuple[Any, Any]:
        exact = matrix @ other * factor
        return exact, factor * ((off + long * matrix.abs()) @ other.abs()) + stored * exact.abs()

    over = probabilities.transpose(-1, -2)
    pairs = (
        (output, output_off),
        product(inner, inner_off, keys, scale),
        product(inner.transpose(-1, -2), inner_off.transpose(-1, -2), queries, scale),
        product(over, over * loose.transpose(-1, -2), upstream, 1.0),
    )
    return Reference(tuple(one for one, _ in pairs), tuple(off for _, off in pairs))
