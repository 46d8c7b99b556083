"""A verdict on a node in the formats that people and tools read: one screen, Markdown, JUnit, Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from mlops_ci.records.verify import HealthCheck, VerifyOutputs
from mlops_ci.reporting.format import clean, number, one_line
from mlops_ci.reporting.markup import code, details, table, text

MARKS = {"PASS": "✓", "WARN": "!", "BLOCK": "✗", "SKIP": "-"}
ORDER = ("BLOCK", "WARN", "SKIP", "PASS")
LINES = 20
STATES = ("healthy", "degraded", "unhealthy", "cpu-only")


def screen(result: VerifyOutputs, *, verbose: bool = False) -> list[str]:
    """The verdict on one screen: what blocks, what is worth a look, what was not seen, and what to do."""
    lines: list[str] = []
    for one in _sorted(result.checks):
        if one.status in ("BLOCK", "WARN") or verbose:
            lines += _finding(one)
    skipped = [one for one in result.checks if one.status == "SKIP"]
    if skipped and not verbose:
        lines.append(f"- not observed: {', '.join(one.id for one in skipped[:LINES])}{_more(len(skipped))}")
        lines += [f"  {why}" for why in dict.fromkeys(one_line(one.cause, 100) for one in skipped[:LINES]) if why][:4]
    return [*lines, summary(result)]


def summary(result: VerifyOutputs) -> str:
    """The last line."""
    passed = sum(one.status == "PASS" for one in result.checks)
    where = ", ".join(result.devices) or "no device"
    return f"verdict: {result.verdict} ({passed} of {len(result.checks)} checks passed; {where}){_hope(result)}"


def _hope(result: VerifyOutputs) -> str:
    blocks = [one for one in result.checks if one.status == "BLOCK"]
    if not blocks:
        return ""
    if all(one.node for one in blocks):
        return "; another node may succeed"
    return "; another node would not help: settings, image and machine do not fit together"


def _finding(one: HealthCheck) -> list[str]:
    measured = "" if one.value is None else f" [{_shown(one.value)} {_limit(one)}{one.unit}]".replace(" ]", "]")
    lines = [one_line(f"{MARKS[one.status]} {one.id}: {one.status}{measured} {one.cause}", 300)]
    if one.status in ("BLOCK", "WARN"):
        where = f" ({one.uuid})" if one.uuid else ""
        lines += ["    " + one_line(f"do: {one.advice}{where}", 300)] if one.advice else []
        lines += ["    " + one_line(f"saw: {one.evidence}", 200)] if one.evidence else []
    return lines


def _limit(one: HealthCheck) -> str:
    return "" if one.limit is None else f"/ {_shown(one.limit)} "


def _shown(value: str | float | bool) -> str:
    return str(value) if isinstance(value, str | bool) else number(value)


def _more(count: int) -> str:
    return f" and {count - LINES} more" if count > LINES else ""


def _sorted(checks: Sequence[HealthCheck]) -> list[HealthCheck]:
    return sorted(checks, key=lambda one: ORDER.index(one.status))


def markdown(result: VerifyOutputs) -> str:
    """For a summary or a ticket."""
    rows = [
        (one.status, code(one.id), text(one.cause), text(one.advice), text(one.uuid))
        for one in _sorted(result.checks)
        if one.status in ("BLOCK", "WARN")
    ]
    parts = [f"### Node {text(result.host)}: {text(result.verdict)}", text(summary(result))]
    if rows:
        parts.append(table(("", "check", "what", "what to do", "GPU"), rows))
    others = [
        (
            one.status,
            code(one.id),
            text("" if one.value is None else _shown(one.value)),
            text(one.unit),
            text(one.cause),
        )
        for one in _sorted(result.checks)
        if one.status not in ("BLOCK", "WARN")
    ]
    if others:
        parts.append(details(f"{len(others)} others", table(("", "check", "value", "unit", "why"), others)))
    return "\n\n".join(parts) + "\n"


def junit(result: VerifyOutputs) -> str:
    """One test per check; a warning is a passed test with its words."""
    root = ET.Element("testsuites", name="mlops-ci health")
    failures, skipped = (sum(one.status == status for one in result.checks) for status in ("BLOCK", "SKIP"))
    suite = ET.SubElement(
        root, "testsuite", name=clean(result.host) or "node", tests=str(len(result.checks)), failures=str(failures),
        skipped=str(skipped),
    )  # fmt: skip
    for one in result.checks:
        case = ET.SubElement(suite, "testcase", classname="mlops-ci.health", name=clean(one.id))
        words = clean(f"{one.cause}\n{one.advice}\n{one.evidence}".strip())
        if one.status == "BLOCK":
            ET.SubElement(case, "failure", message=one_line(one.cause, 300)).text = words
        elif one.status == "SKIP":
            ET.SubElement(case, "skipped", message=one_line(one.cause, 300))
        elif one.status == "WARN":
            ET.SubElement(case, "system-out").text = words
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def prometheus(result: VerifyOutputs) -> str:
    """For a textfile collector: the verdict, the checks, and what was measured."""
    return "\n".join([*_verdict(result), *_statuses(result), *_values(result)]) + "\n"


def _verdict(result: VerifyOutputs) -> Iterator[str]:
    yield "# HELP mlops_ci_node_health The verdict of the last health check: 1 for the one that holds."
    yield "# TYPE mlops_ci_node_health gauge"
    for state in STATES:
        yield f"mlops_ci_node_health{_labels(node=result.host, verdict=state)} {int(state == result.verdict)}"


def _statuses(result: VerifyOutputs) -> Iterator[str]:
    yield "# HELP mlops_ci_health_checks Checks of the last health check by status."
    yield "# TYPE mlops_ci_health_checks gauge"
    for status in ORDER:
        count = sum(one.status == status for one in result.checks)
        yield f"mlops_ci_health_checks{_labels(node=result.host, status=status)} {count}"
    yield "# HELP mlops_ci_health_finding A check that warned (1) or blocked (2)."
    yield "# TYPE mlops_ci_health_finding gauge"
    for one in result.checks:
        if one.status in ("WARN", "BLOCK"):
            level = 2 if one.status == "BLOCK" else 1
            yield f"mlops_ci_health_finding{_labels(node=result.host, check=one.id, gpu=one.uuid)} {level}"


def _values(result: VerifyOutputs) -> Iterator[str]:
    yield "# HELP mlops_ci_health_value What a check read or measured, in its own unit."
    yield "# TYPE mlops_ci_health_value gauge"
    for one in result.checks:
        if isinstance(one.value, int | float) and one.status != "SKIP":
            labels = _labels(node=result.host, check=one.id, gpu=one.uuid, unit=one.unit)
            yield f"mlops_ci_health_value{labels} {float(one.value)!r}"


def _labels(**labels: str) -> str:
    pairs = (
        f'{name}="{one_line(value).replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in labels.items()
    )
    return "{" + ",".join(pairs) + "}"
