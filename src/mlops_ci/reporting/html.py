"""The page for a browser: one file, no script, nothing loaded from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from mlops_ci.errors import BY_EXIT_CODE
from mlops_ci.records.verify import HealthCheck
from mlops_ci.reporting import format as words
from mlops_ci.reporting import sweep as sweeps
from mlops_ci.reporting.canary import canary_line, canary_rows, canary_word
from mlops_ci.reporting.charts import Chart, metric_charts, usage_charts
from mlops_ci.reporting.comparison import metric_rows, same_data
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.lineage import commit_to_model, facts, stages_seconds
from mlops_ci.reporting.notices import notices, on_cpu, warnings
from mlops_ci.reporting.signatures import signatures
from mlops_ci.reporting.svg import line_chart
from mlops_ci.reporting.timeline import timeline
from mlops_ci.reporting.verdict import verdict
from mlops_ci.version import version

if TYPE_CHECKING:
    from jinja2 import Environment

# A text on the page, in characters: a record may hold a whole log.
LONGEST = 4000
TEMPLATES = Path(__file__).with_name("templates")


def html(data: ReportData) -> str:
    """The page's text."""
    return environment().get_template("page.html").render(_context(data))


def environment() -> Environment:
    """The templates, with what they may use."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from mlops_ci.reporting.compiled import BesideTemplates

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
        bytecode_cache=BesideTemplates(TEMPLATES),
    )
    made.filters |= {
        "duration": words.duration,
        "size": words.size,
        "number": words.number,
        "moment": words.moment,
        "short": words.short,
        "one_line": words.one_line,
        "between": words.between,
        "measured": measured,
    }
    made.globals["web_link"] = web_link
    return made


def _clean(value: Any) -> Any:
    """Text that is not ours loses its control characters; our own drawings come as Markup and stay."""
    if type(value) is not str:
        return value
    text = words.clean(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def web_link(address: str) -> bool:
    """Whether the address may become a link: the web's, never a script's."""
    try:
        return urlsplit(address).scheme in ("http", "https")
    except ValueError:
        return False


def measured(check: HealthCheck, name: Literal["value", "limit"]) -> str:
    """A check's value or limit with its unit; bytes in larger units."""
    value = check.value if name == "value" else check.limit
    if value is None:
        return ""
    if isinstance(value, str | bool):
        return words.one_line(str(value), 60)
    first, _, rest = check.unit.partition(" ")
    shown = words.size(value) if first == "bytes" else words.number(value)
    unit = rest if first == "bytes" else check.unit
    return f"{shown} {unit}".strip() if name == "value" else shown


def exit_meaning(code: int) -> str:
    """What an exit code says, and who may try again."""
    error = BY_EXIT_CODE.get(code)
    return words.one_line(error.__doc__ or "") if error else "unknown"


def _context(data: ReportData) -> dict[str, Any]:
    found = verdict(data)
    return {
        "data": data,
        "info": data.info,
        "out": data.outputs,
        "nodes": data.nodes,
        "variants": data.variants,
        "verdict": found,
        "exit_meaning": exit_meaning(found.failed.exit_code) if found.failed else "",
        "notices": notices(data),
        "cpu": on_cpu(data),
        "stages": timeline(data),
        "signatures": list(signatures(data)),
        "metrics": metric_rows(data),
        "same_data": same_data(data),
        "sweep": _sweep(data),
        "canary": {"word": canary_word(data), "line": canary_line(data), "rows": canary_rows(data)},
        "facts": facts(data),
        "stages_seconds": stages_seconds(data),
        "commit_to_model": commit_to_model(data),
        "curves": drawn(metric_charts(data.metrics), "m"),
        "usage": [(one, drawn(usage_charts(one), f"u{index}")) for index, one in enumerate(data.usage)],
        "warnings": warnings(data),
        "version": version(),
    }


def _sweep(data: ReportData) -> dict[str, Any]:
    found = sweeps.sweep_of(data)
    if found is None:
        return {"of": None}
    return {
        "of": found,
        "line": sweeps.line(found),
        "names": sweeps.names(found),
        "rows": sweeps.rows(found),
        "charts": drawn(sweeps.charts(data), "s"),
    }


def drawn(charts: tuple[Chart, ...], ident: str) -> list[tuple[Chart, str]]:
    """Each chart with its picture; `ident` tells the pictures of a page apart."""
    from markupsafe import Markup

    # Every text inside is escaped by `line_chart`.
    return [(chart, Markup(line_chart(chart, f"{ident}{index}"))) for index, chart in enumerate(charts)]  # noqa: S704
