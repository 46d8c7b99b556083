"""Products of integers that are exact on every healthy device, whatever the order of the sums: zero tolerance.

Row and column sums of the product, computed another way in float64 on the CPU, A(B1) and (1A)B, show a single wrong
element (checksums after Huang and Abraham, 1984), and what is no integer is wrong by itself. The rows or columns that
do not fit are then multiplied on the CPU, which names each wrong element, with what it should be.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.elements import Wrong, describe
from mlops_ci.guest.health.active.guard import guarded
from mlops_ci.guest.health.active.operands import Kind, integers, kinds, product
from mlops_ci.guest.health.active.tolerances import sums_are_exact
from mlops_ci.guest.health.check import BLOCK, PASS, Check

GPU_SHAPES = {"fp64": ((2048, 2048, 2048),)}
GPU_SHAPE = ((4096, 4096, 4096), (1032, 2056, 1544))
CPU_SHAPE = ((512, 512, 512),)
LINES = 64
"""So many rows or columns that do not fit are looked at: one faulty address can spoil all of them."""

ADVICE = "Do not train here: the device computes wrong results. Have it looked at."


def run(context: Context) -> list[Check]:
    """`numerics.exact.KIND`: for each kind the count of wrong elements; the value of a pass is what was tested."""
    checks: list[Check] = []
    for kind in kinds(context):
        name = f"numerics.exact.{kind.name}.{context.device}"
        checks.extend(guarded(name, partial(_kind, context, kind, name)))
    return checks


def _kind(context: Context, kind: Kind, name: str) -> Check:
    shapes = context.by_device(gpu=GPU_SHAPES.get(kind.name, GPU_SHAPE), cpu=CPU_SHAPE)
    tested = 0
    for shape in shapes:
        wrong, more = examine(context, kind, shape)
        if wrong:
            least = "at least " if more else ""
            where = describe(kind.name, wrong, columns=shape[2])
            cause = f"{least}{len(wrong)} wrong in an exact {kind.name} product of {_size(shape)}, at {where}"
            return Check(name, BLOCK, len(wrong), 0, "wrong elements", cause, ADVICE, node=True)
        tested += shape[0] * shape[1] * shape[2]
    return Check(name, PASS, 0, 0, f"wrong elements in {tested:.1e} multiply-adds")


def examine(context: Context, kind: Kind, shape: tuple[int, int, int]) -> tuple[list[Wrong], bool]:
    """The wrong elements of one product on the device, and whether there may be more than these."""
    if not sums_are_exact(kind.name, kind.largest, shape[1]):
        raise ValueError(f"sums over {shape[1]} products are not exact in {kind.name}")
    torch = context.torch
    left, right = integers(context, kind, shape)
    multiply, dtype = product(context, kind), getattr(torch, kind.dtype)
    result = multiply(left.to(dtype).to(context.device), right.to(dtype).to(context.device))
    result = context.faults(f"exact.{kind.name}", result).cpu().double()
    left, right = left.double(), right.double()
    # A flip of a low bit may be too small for a sum, but it makes a fraction of an integer.
    broken = result != result.round()
    rows = ~(result.sum(dim=1) == left @ right.sum(dim=1)) | broken.any(dim=1)
    columns = ~(result.sum(dim=0) == left.sum(dim=0) @ right) | broken.any(dim=0)
    return _locate(torch, (left, right, result), rows, columns)


def _locate(torch: Any, matrices: tuple[Any, Any, Any], rows: Any, columns: Any) -> tuple[list[Wrong], bool]:
    """Multiply again what does not fit: the rows, or the columns where the errors of each row cancel each other."""
    left, right, result = matrices
    bad_rows, bad_columns = (torch.nonzero(bad).flatten() for bad in (rows, columns))
    along = len(bad_rows) > 0 and (len(bad_rows) <= len(bad_columns) or len(bad_columns) == 0)
    lines = (bad_rows if along else bad_columns)[:LINES]
    if len(lines) == 0:
        return [], False
    expected = left[lines] @ right if along else (left @ right[:, lines]).T
    got = result[lines] if along else result[:, lines].T
    places = torch.nonzero(~(got == expected)).tolist()
    found = []
    for line, other in places:
        row, column = (int(lines[line]), other) if along else (other, int(lines[line]))
        found.append(Wrong(row, column, float(got[line, other]), float(expected[line, other])))
    return found, len(lines) < max(len(bad_rows) if along else len(bad_columns), 1)


def _size(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))
