"""The comment on a pull request: shorter than the summary, what a reviewer asks for first, details folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.evidence import parts
from mlops_ci.reporting.format import counted, duration, short, size
from mlops_ci.reporting.lineage import stages_seconds, top_image
from mlops_ci.reporting.markdown import alerts, guarded, heading, metrics, stages, why
from mlops_ci.reporting.markup import code, details, table, text
from mlops_ci.reporting.newfindings import new_findings
from mlops_ci.reporting.signatures import signatures
from mlops_ci.reporting.verdict import verdict

FINDINGS = 15
SLOWEST = 3
LINK_ENDS = frozenset("\"'()<>[]\\ \t\n")


def comment(data: ReportData, links: Mapping[str, str]) -> str:
    """The comment's Markdown; `links` are addresses of this run's page by the provider's name for it."""
    found = verdict(data)
    facts = "\n".join(f"- **{name}:** {said}" for name, said in _facts(data))
    blocks = [
        heading(found),
        *alerts(data),
        *why(found),
        *guarded(data),
        *metrics(data),
        facts,
        *_links(links),
        *_new_findings(data),
        details("Stages", stages(data)),
        *(details(title, content) for title, content in parts(data)),
        _signature(data),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _facts(data: ReportData) -> Iterable[tuple[str, str]]:
    for name, said in (
        ("Gates", _gates(data)),
        ("Scan", _scan(data)),
        ("Images", _images(data)),
        ("Time", _time(data)),
    ):
        if said:
            yield name, said


def _gates(data: ReportData) -> str:
    evaluate = data.outputs.evaluate
    if evaluate is None or not evaluate.gates:
        return ""
    counts = Counter(gate.verdict for gate in evaluate.gates)
    bad = [code(gate.id) for gate in evaluate.gates if gate.verdict in ("fail", "review")]
    return ", ".join(f"{count} {word}" for word, count in counts.items()) + (f" ({', '.join(bad[:5])})" if bad else "")


def _scan(data: ReportData) -> str:
    scan = data.outputs.scan
    if scan is None:
        return ""
    new = [f"{one.new_since_base} {text(name)}" for name, one in scan.findings.items() if one.new_since_base]
    waived = sum(one.waived for one in scan.findings.values())
    said = f"{text(scan.verdict)}; new since the base image: {', '.join(new) or 'none'}"
    return said + (f"; {waived} waived" if waived else "")


def _images(data: ReportData) -> str:
    build, top = data.outputs.build, top_image(data)
    if build is None or top is None:
        return ""
    built = sum(one.built for one in build.images.values())
    counts = f"{text(top[0])} {size(top[1].bytes)}; {built} built, {len(build.images) - built} reused"
    return " ".join([f"{counts}.", *(text(words) for words in found)]) if (found := list(signatures(data))) else counts


def _time(data: ReportData) -> str:
    if not data.records:
        return ""
    slowest = sorted(data.records.values(), key=lambda record: record.seconds, reverse=True)[:SLOWEST]
    longest = ", ".join(f"{text(record.stage)} {duration(record.seconds)}" for record in slowest if record.seconds >= 1)
    return f"{duration(stages_seconds(data))} in stages" + (f" ({longest})" if longest else "")


def _links(links: Mapping[str, str]) -> Iterable[str]:
    shown = [
        f"[{text(name)}]({url})"
        for name, url in links.items()
        if url.startswith(("https://", "http://")) and not LINK_ENDS & set(url)
    ]
    if shown:
        yield f"The whole page is among the files of this run: {' · '.join(shown)}"


def _new_findings(data: ReportData) -> Iterable[str]:
    found = new_findings(data)
    if not found:
        return
    rows = [
        (
            "**not allowed**" if one.failing else "new",
            text(one.severity),
            text(one.id, 60),
            text(one.what, 80),
            text(one.fixed, 40),
        )
        for one in found[:FINDINGS]
    ]
    more = f"\n\nand {len(found) - FINDINGS} more on the page" if len(found) > FINDINGS else ""
    yield details(
        f"{counted(len(found), 'finding')} to look at",
        table(("", "severity", "id", "package", "fixed in"), rows) + more,
    )


def _signature(data: ReportData) -> str:
    info = data.info
    words = [f"run {code(info.run)}", f"commit {code(short(info.lineage.commit))}"]
    words += [f"mode {text(info.mode)}"] if info.mode else []
    words += [f"engine {text(info.engine)}", "**CPU**" if info.variant == "cpu" else f"variant {text(info.variant)}"]
    return f"<sub>{' · '.join(words)}</sub>"
