"""How far a right result may be from the exact one: formulas over the data, never a bare constant.

Unit roundoff u: the largest relative error of one rounding. A dot product of K terms in float32 arithmetic is within
(8 + 0.3 sqrt(K)) u |a||b| of the exact one, also for accumulators that truncate in steps of 16, with a margin of four
to six over that model; rounding the result to a narrower type adds 1.01 u_out |c|.
"""

from __future__ import annotations

import math

UNIT_ROUNDOFF = {
    "fp64": 2.0**-53,
    "fp32": 2.0**-24,
    "tf32": 2.0**-11,
    "fp16": 2.0**-11,
    "bf16": 2.0**-8,
}
EXACT_INTEGERS = {"fp64": 2**53, "fp32": 2**24, "tf32": 2**24, "fp16": 2**11, "bf16": 2**8, "int8": 2**31}
"""Up to which integer every integer is representable in the type of the result."""

ACCUMULATOR = {"fp64": 2**53, "int8": 2**31}
ROUNDING = 1.01


def accumulation(terms: int, roundoff: float = UNIT_ROUNDOFF["fp32"]) -> float:
    """The relative error of a dot product of so many terms, as a share of |a||b|."""
    return (8 + 0.3 * math.sqrt(terms)) * roundoff


def rounded(kind: str) -> float:
    """The relative error of storing a float32 result in this type: nothing for float32 itself and wider ones."""
    return 0.0 if kind in ("fp32", "fp64") else ROUNDING * UNIT_ROUNDOFF[kind]


def sums_are_exact(kind: str, largest: int, terms: int) -> bool:
    """Whether every partial sum of so many products of integers up to `largest` is exact, in any order."""
    return largest**2 * terms < ACCUMULATOR.get(kind, 2**24)


def overflow_chance(*, terms: int, largest: float, variance: float, bound: float, results: int) -> float:
    """At most so probable is any of `results` sums beyond `bound` (Bernstein): `largest` and `variance` of one term."""
    exponent = bound**2 / (2 * (terms * variance + largest * bound / 3))
    return min(1.0, 2 * results * math.exp(-exponent))


def densest_ternary(*, terms: int, bound: float, results: int, chance: float) -> float:
    """The largest share of non-zeros in matrices of {-1, 0, 1} for which sums stay within `bound`, in hundredths."""
    for hundredths in range(100, 0, -1):
        share = hundredths / 100
        variance = share**2
        if overflow_chance(terms=terms, largest=1, variance=variance, bound=bound, results=results) <= chance:
            return share
    return 0.0
