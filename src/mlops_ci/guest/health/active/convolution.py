"""A convolution of integers, forward and backward, exact on every healthy device: zero tolerance.

Its stride of two keeps libraries from algorithms that compute in fractions (Winograd, FFT), so that every sum is exact.
The reference is the same sum written as a matrix product in float64 on the CPU.
"""

from __future__ import annotations

from typing import Any

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.exact import ADVICE
from mlops_ci.guest.health.active.guard import guarded
from mlops_ci.guest.health.active.operands import exact_modes
from mlops_ci.guest.health.check import BLOCK, PASS, Check

LARGEST = 4
KERNEL, STRIDE = 3, 2
GPU_SHAPE = (16, 64, 64, 65)
CPU_SHAPE = (2, 16, 16, 33)
"""Images, channels in and out, height and width."""


def run(context: Context) -> list[Check]:
    """`numerics.convolution`: wrong elements of the result and of both gradients."""
    name = f"numerics.convolution.{context.device}"
    return guarded(name, lambda: _convolve(context, name))


def _convolve(context: Context, name: str) -> Check:
    torch, device = context.torch, context.device
    images, inner, outer, side = context.by_device(gpu=GPU_SHAPE, cpu=CPU_SHAPE)
    generator = context.generator(7)
    shapes = ((images, inner, side, side), (outer, inner, KERNEL, KERNEL))
    data, weights = (torch.randint(-LARGEST, LARGEST + 1, shape, generator=generator).double() for shape in shapes)
    size = (side - KERNEL) // STRIDE + 1
    upstream = torch.randint(-1, 2, (images, outer, size, size), generator=generator).double()
    exact_modes(torch)
    given = [one.float().to(device).requires_grad_() for one in (data, weights)]
    output = torch.nn.functional.conv2d(*given, stride=STRIDE)
    # A gradient handed to backward() would load a symbolic algebra package first, which takes seconds.
    (output * upstream.float().to(device)).sum().backward()
    results = (output.detach(), given[0].grad, given[1].grad)
    expected = _expected(torch, data, weights, upstream)
    wrong = []
    for index, part in enumerate(PARTS):
        got = context.faults(f"convolution.{part}", results[index]).cpu().double()
        places = torch.nonzero(~(got == expected[index])).tolist()
        wrong += [(part, tuple(place)) for place in places]
    if not wrong:
        return Check(name, PASS, 0, 0, "wrong elements")
    shown = ", ".join(f"{part} {place}" for part, place in wrong[:4])
    cause = f"{len(wrong)} elements of an exact convolution are wrong, at {shown}"
    return Check(name, BLOCK, len(wrong), 0, "wrong elements", cause, ADVICE, node=True)


PARTS = ("output", "gradient-of-data", "gradient-of-weights")


def _expected(torch: Any, data: Any, weights: Any, upstream: Any) -> tuple[Any, Any, Any]:
    """The same as products of matrices: each window of the image is a column."""
    windows = torch.nn.functional.unfold(data, KERNEL, stride=STRIDE)
    flat = weights.flatten(1)
    output = (flat @ windows).view(upstream.shape)
    above = upstream.flatten(2)
    of_weights = (above @ windows.transpose(1, 2)).sum(dim=0).view(weights.shape)
    of_data = torch.nn.functional.fold(flat.T @ above, data.shape[2:], KERNEL, stride=STRIDE)
    return output, of_data, of_weights
