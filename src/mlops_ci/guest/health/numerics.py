"""Does this device compute right? Device code: torch and the device are arguments, and `cpu` runs the same lines.

The exact test: integers small enough that every partial sum is exact in float32 (m^2 K < 2^24), so that the result is
the same on every healthy device whatever the order of the sums. Row and column sums of the product, computed another
way (A(B1) and (1A)B in int64), find a single wrong element and where it is (checksums after Huang and Abraham, 1984).

The float test: against float64 on the CPU, with the tolerance (8 + 0.3 sqrt(K)) u |a||b|, u = 2^-24, for every sampled
element.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SEED = 20260101
LARGEST_INTEGER = 8
SAMPLED_ROWS = 64
UNIT_ROUNDOFF = 2.0**-24


@dataclass(frozen=True)
class Numerics:
    """What was found: `wrong` elements of the exact test, with up to eight places as (row, column).

    `worst` is the float test's largest error as a share of its tolerance, `operations` the multiply-adds tested.
    """

    wrong: int
    places: tuple[tuple[int, int], ...]
    worst: float
    operations: int


def check_numerics(torch: Any, device: str, size: int, multiply: Callable[[Any, Any], Any] | None = None) -> Numerics:
    """Multiply size x size matrices on `device` and compare. `multiply` is the product under test."""
    product = multiply or torch.matmul
    exact, places = exact_integers(torch, device, size, product)
    worst = float_product(torch, device, size, product)
    return Numerics(wrong=exact, places=places, worst=worst, operations=2 * size**3)


def exact_integers(
    torch: Any, device: str, size: int, product: Callable[[Any, Any], Any]
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The count of wrong elements that the checksums prove (at least), and where rows and columns that fail meet."""
    if LARGEST_INTEGER**2 * size >= 2**24:
        raise ValueError(f"sums over {size} products are not exact in float32")
    random = torch.Generator(device="cpu").manual_seed(SEED)
    left, right = (
        torch.randint(-LARGEST_INTEGER, LARGEST_INTEGER + 1, (size, size), generator=random) for _ in range(2)
    )
    result = product(left.float().to(device), right.float().to(device)).cpu().double()
    rows = (left @ right.sum(dim=1)).double()
    columns = (left.sum(dim=0) @ right).double()
    bad_rows = torch.nonzero(~(result.sum(dim=1) == rows)).flatten().tolist()
    bad_columns = torch.nonzero(~(result.sum(dim=0) == columns)).flatten().tolist()
    places = tuple((row, column) for row in bad_rows[:3] for column in bad_columns[:3])[:8]
    return max(len(bad_rows), len(bad_columns)), places


def float_product(torch: Any, device: str, size: int, product: Callable[[Any, Any], Any]) -> float:
    """The worst error of a float32 product as a share of its tolerance: up to 1 is right, infinity for a non-finite."""
    random = torch.Generator(device="cpu").manual_seed(SEED + 1)
    left, right = (torch.randn(size, size, generator=random) for _ in range(2))
    result = product(left.to(device), right.to(device)).cpu()[:SAMPLED_ROWS].double()
    if not bool(torch.isfinite(result).all()):
        return float("inf")
    left, right = left[:SAMPLED_ROWS].double(), right.double()
    lengths = left.norm(dim=1)[:, None] * right.norm(dim=0)[None, :]
    tolerance = (8 + 0.3 * size**0.5) * UNIT_ROUNDOFF * lengths
    return float(((result - left @ right).abs() / tolerance).max())
