"""Has the data shifted since the last successful night? Stated tests, column by column; see `resources/drift.toml`."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Literal

from mlops_ci.nightly.profile import Column, Profile, is_number, reading
from mlops_ci.records.prepare import Drift, DriftTest
from mlops_ci.resources import read_toml

BINS = 10
# A share of nothing would make the index infinite.
LEAST_SHARE = 1e-4
SHOWN = 200

Test = Literal["mean", "spread", "ks", "psi", "share", "missing"]


@cache
def _limits() -> dict[str, float]:
    return {name: float(value) for name, value in read_toml("drift.toml")["limits"].items()}


@cache
def _chance() -> dict[str, float]:
    return {name: float(value) for name, value in read_toml("drift.toml")["chance"].items()}


def compare(reference: Profile | None, today: Profile) -> Drift:
    """The verdict and the tests behind it. Without tables, or without an earlier night, nothing is known."""
    if not today.columns:
        why = "the data has no CSV, TSV or JSON Lines file with rows: nothing could be compared"
        return Drift(verdict="unknown", why=_with(why, today.problems))
    if reference is None:
        why = f"no earlier night has left a profile: this one's ({len(today.columns)} columns) is the first"
        return Drift(verdict="unknown", why=_with(why, today.problems))
    tests = list(_tests(reference, today))
    told = [one for one in tests if one.status != "same"]
    shifted = [one for one in told if one.status == "shifted"]
    names = sorted({one.column for one in shifted})
    since = f"since run {reference.run}"
    if shifted:
        why = f"{len(names)} of {len(today.columns)} columns have shifted {since}: {', '.join(names[:5])}"
    elif len(told) == len(tests):
        why = f"nothing could be compared {since}: too few rows"
    else:
        why = f"no column has shifted {since}: {len(tests) - len(told)} tests on {len(today.columns)} columns"
    verdict: Literal["same", "shifted", "unknown"] = "shifted" if shifted else "same"
    return Drift(
        verdict="unknown" if len(told) == len(tests) and not shifted else verdict,
        why=_with(why, today.problems),
        reference=reference.run,
        tests=tuple(sorted(told, key=lambda one: (one.status != "shifted", one.column, one.test))[:SHOWN]),
        passed=len(tests) - len(told),
    )


def _with(why: str, problems: Sequence[str]) -> str:
    return f"{why} ({'; '.join(problems[:3])})" if problems else why


def _tests(reference: Profile, today: Profile) -> Iterator[DriftTest]:
    before = {column.name: column for column in reference.columns}
    now = {column.name: column for column in today.columns}
    for name in sorted(before.keys() | now.keys()):
        then, today_column = before.get(name), now.get(name)
        if then is None or today_column is None:
            word = "there was no such column" if then is None else "the column is gone"
            yield DriftTest(column=name, test="columns", status="shifted", why=word)
        else:
            yield from _column(then, today_column)


def _column(then: Column, now: Column) -> Iterator[DriftTest]:
    yield _missing(then, now)
    if min(then.count, now.count) < reading()["enough"]:
        why = f"{then.count} and {now.count} values: {reading()['enough']} are needed"
        yield DriftTest(column=now.name, test="psi", status="SKIP", why=why)
    elif _numeric(then) != _numeric(now):
        why = f"it held {_content(then)}, and holds {_content(now)}"
        yield DriftTest(column=now.name, test="columns", status="shifted", why=why)
    elif then.kind != now.kind:
        why = "it has few different values on one side and many on the other: no test fits both"
        yield DriftTest(column=now.name, test="psi", status="SKIP", why=why)
    elif now.kind == "number":
        yield from (_mean(then, now), _spread(then, now), _ks(then, now), _bins(then, now))
    elif now.kind == "category":
        yield from (_share(then, now), _index(now.name, *_aligned(then.shares, now.shares), then.count, now.count))


def _numeric(column: Column) -> bool:
    """Whether all values are numbers: as a number, or as one of a few codes."""
    return column.kind == "number" or (column.kind == "category" and all(map(is_number, column.shares)))


def _content(column: Column) -> str:
    return "numbers" if _numeric(column) else "words"


def _judged(column: str, test: Test, value: float, limit: float, why: str = "") -> DriftTest:
    status: Literal["same", "shifted"] = "shifted" if value > limit else "same"
    shown = value if math.isfinite(value) else None
    return DriftTest(column=column, test=test, status=status, value=shown, limit=limit, why=why)


def _missing(then: Column, now: Column) -> DriftTest:
    shares = [one.missing / max(1, one.missing + one.count) for one in (then, now)]
    sizes = [one.missing + one.count for one in (then, now)]
    limit = max(_limits()["missing"], _by_chance(shares, sizes))
    return _judged(now.name, "missing", abs(shares[1] - shares[0]), limit, f"missing: {_percents(shares)}")


def _mean(then: Column, now: Column) -> DriftTest:
    shift = abs(now.mean - then.mean)
    scale = then.deviation or now.deviation
    value = shift / scale if scale else (math.inf if shift else 0.0)
    error = math.sqrt(then.deviation**2 / then.count + now.deviation**2 / now.count)
    limit = max(_limits()["mean"], _chance()["z"] * error / scale if scale else 0.0)
    return _judged(now.name, "mean", value, limit, f"mean {then.mean:.4g}, now {now.mean:.4g}")


def _spread(then: Column, now: Column) -> DriftTest:
    low, high = sorted((then.deviation, now.deviation))
    value = high / low if low else (math.inf if high else 1.0)
    chance = math.exp(_chance()["z"] * math.sqrt(0.5 / then.count + 0.5 / now.count))
    why = f"standard deviation {then.deviation:.4g}, now {now.deviation:.4g}"
    return _judged(now.name, "spread", value, max(_limits()["spread"], chance), why)


def _ks(then: Column, now: Column) -> DriftTest:
    first, second = then.sample, now.sample
    distance = max(
        abs(bisect_right(first, value) / len(first) - bisect_right(second, value) / len(second))
        for value in (*first, *second)
    )
    chance = _chance()["ks"] * math.sqrt((len(first) + len(second)) / (len(first) * len(second)))
    return _judged(now.name, "ks", distance, max(_limits()["ks"], chance))


def _bins(then: Column, now: Column) -> DriftTest:
    edges = sorted({then.sample[len(then.sample) * place // BINS] for place in range(1, BINS)})
    shares = []
    for sample in (then.sample, now.sample):
        counts = [0] * (len(edges) + 1)
        for value in sample:
            counts[bisect_right(edges, value)] += 1
        shares.append([count / len(sample) for count in counts])
    return _index(now.name, shares[0], shares[1], len(then.sample), len(now.sample))


def _index(name: str, then: Sequence[float], now: Sequence[float], first: int, second: int) -> DriftTest:
    pairs = [(max(before, LEAST_SHARE), max(after, LEAST_SHARE)) for before, after in zip(then, now, strict=True)]
    value = sum((after - before) * math.log(after / before) for before, after in pairs)
    chance = _chi_squared(len(pairs) - 1) * (1 / first + 1 / second)
    return _judged(name, "psi", value, max(_limits()["psi"], chance))


def _share(then: Column, now: Column) -> DriftTest:
    """The category whose share has changed most: a label that became rare, one that is new."""
    name = max(
        sorted({*then.shares, *now.shares}), key=lambda one: abs(now.shares.get(one, 0.0) - then.shares.get(one, 0.0))
    )
    shares = [one.shares.get(name, 0.0) for one in (then, now)]
    limit = max(_limits()["share"], _by_chance(shares, [then.count, now.count]))
    return _judged(now.name, "share", abs(shares[1] - shares[0]), limit, f"{name[:40]!r}: {_percents(shares)}")


def _aligned(then: Mapping[str, float], now: Mapping[str, float]) -> tuple[list[float], list[float]]:
    names = sorted({*then, *now})
    return [then.get(name, 0.0) for name in names], [now.get(name, 0.0) for name in names]


def _by_chance(shares: Sequence[float], sizes: Sequence[int]) -> float:
    """The difference of two shares that chance gives once in a thousand times, when both are of one population."""
    total = sum(sizes)
    pooled = sum(share * size for share, size in zip(shares, sizes, strict=True)) / total if total else 0.0
    return _chance()["z"] * math.sqrt(pooled * (1 - pooled) * sum(1 / max(1, size) for size in sizes))


def _chi_squared(degrees: int) -> float:
    """Its upper quantile at one in a thousand, by Wilson and Hilferty's approximation."""
    if degrees < 1:
        return 0.0
    part = 2 / (9 * degrees)
    return float(degrees * (1 - part + _chance()["z"] * math.sqrt(part)) ** 3)


def _percents(shares: Sequence[float]) -> str:
    return f"{shares[0]:.1%}, now {shares[1]:.1%}"
