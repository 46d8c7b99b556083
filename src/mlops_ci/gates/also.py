"""Further metrics beside the one that decides: their limits, and how they stand to the champion's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops_ci.gates.metric import at_least, gain, show, usable
from mlops_ci.gates.predictions import Row
from mlops_ci.records.evaluate import Gate
from mlops_ci.settings.rules import AlsoRule, parse

# Calibration is told in this many bins of equal width, as usual (Guo et al., "On Calibration of Modern Neural
# Networks", 2017, section 2).
BINS = 15
CONFIDENCE = "confidence"


def limits(also: Mapping[str, str], challenger: Mapping[str, float]) -> Iterator[Gate]:
    """A gate for each metric: it is a finite number, and reaches its limit where there is one."""
    for name, text in also.items():
        rule, value = parse(text), usable(challenger, name, "challenger")
        if rule.limit is None:
            continue
        held = at_least(gain(value, rule.limit, rule.goal), 0.0, value, rule.limit)
        word = "holds" if held else "misses"
        yield Gate(
            id=f"floor.{name}",
            verdict="pass" if held else "fail",
            value=value,
            limit=rule.limit,
            why=f"{name} {show(value)} {word} the limit {show(rule.limit)} ({rule.goal})",
        )


def changes(
    also: Mapping[str, str], challenger: Mapping[str, float], champion: Mapping[str, float], version: str
) -> Iterator[Gate]:
    """A gate for each metric against the champion. A metric that the champion has not is for a human to judge."""
    for name, text in also.items():
        rule, value = parse(text), usable(challenger, name, "challenger")
        if not rule.compares:
            continue
        if name not in champion:
            why = f"champion version {version} has no metric {name}: nothing was compared"
            yield Gate(id=f"change.{name}", verdict="review", value=None, limit=None, why=why)
            continue
        yield _change(name, rule, value, usable(champion, name, "champion"), version)


def calibration_error(rows: tuple[Row, ...]) -> float | None:
    """The expected calibration error of classifications whose column `confidence` says how sure they are."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for row in rows:
        try:
            sure = float(row.columns[CONFIDENCE])
        except (KeyError, ValueError):
            return None
        if not 0.0 <= sure <= 1.0:
            return None
        bins[min(BINS - 1, int(sure * BINS))].append((sure, row.prediction == row.target))
    return sum(abs(sum(sure for sure, _ in one) - sum(hit for _, hit in one)) for one in bins) / len(rows)


def _change(name: str, rule: AlsoRule, ours: float, theirs: float, version: str) -> Gate:
    better, allowed = gain(ours, theirs, rule.goal), rule.allowed(theirs)
    held = at_least(better, -allowed, ours, theirs)
    worse = not at_least(better, 0.0, ours, theirs)
    margin = f"the margin of {show(allowed)}"
    word = f"worse by {show(-better)}, {'within' if held else 'beyond'} {margin}" if worse else "not worse"
    return Gate(
        id=f"change.{name}",
        verdict="pass" if held else "fail",
        value=better,
        limit=0.0 - allowed,
        why=f"{name} is {word}: {show(ours)} against {show(theirs)} (version {version})",
    )
