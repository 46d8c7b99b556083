"""The page of failure classes: the rules, what is done about each class, and how often the rules are right."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_ci.commands.exit_codes import TABLE
from mlops_ci.guest import exits
from mlops_ci.guest.failures import BEGINNING, OTHER, POLICIES, RULES, Policy, Rule, When
from mlops_ci.guest.ranks.variables import rows as variable_rows

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.failure_corpus import FOLDER, UNSEEN, Judged, confusions, judged, measured

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

FAILURES = """\
What `[train]`, `[evaluate]`, `[check]`, `[prepare]` and `[data] fetch` commands can end with, and what verify can find.
The class stands in the record's `error.class`. The rules are data (`src/mlops_ci/guest/failures.json`); they are tried
from top to bottom, and the first that fits names the class; the last two rows come from the guest's start and from
verify. What goes wrong around your code has classes of its own, on the page [Errors](errors.md). The classes of GPU
failures go by the messages of PyTorch, CUDA and the driver. `tests/gpu` plays nine ways of failing on a real one; a
lost GPU, an XID and a time-out of NCCL have not been met there yet.
"""
AGAIN = """\
The stage train itself tries again what the table allows, after a wait that doubles each time. A *retry* follows a
failure and uses up `[train] retries`, whatever the class; a *resume* follows an interruption that is nobody's failure,
and does not. Both are counted in the record (`retries`, `resumes`), and `retries = 0` forbids both. Each attempt starts
from the newest checkpoint, and from the beginning where there is none; what ends with exit code 21 is not tried again.
Where another node is needed, or the stage gives
up, the exit code tells whoever started it what to do ([exit codes](exit-codes.md)).
"""
EVIDENCE = """\
What each rule looks at, in the order in which they are tried. *Anywhere* means all the lines at hand (the last 400);
*traceback*, those from the first traceback on; *at the end*, the exception that ended the job, or its last lines where
there is none. Of several processes it is the one that failed first which is judged.
"""
STEPS = "As the tool prints them; where a class has several, the cause decides.\n"
MEASURED = """\
The rules are measured on {count} labelled logs that were written for it (`tests/corpus/failures`), with the messages of
PyTorch, CUDA, NCCL, gloo, torchrun, the kernel and others, and with cases that mislead: handled errors before another
end, messages in words of the code's own. They are right about {right} of them. The rules were mended with these logs
at hand, so the other number counts more: of {unseen} further logs (`tests/corpus/failures-held-out`), written when the
rules were done and never used to mend them, they are right about {unseen_right}. What they do not know they call
`user-error`, which is never tried again.
"""
# Classes that have no rule: what stops the guest before it starts anything, and what only verify finds.
WITHOUT_RULE = (
    ("not-usable", exits.MISSING, "verify found that image, settings and machine do not fit together"),
    ("not-writable", exits.MISSING, "the guest cannot write into its folders"),
)
SAVED = {exits.PREEMPTED: "; a new checkpoint was saved", exits.OUT_OF_TIME: "; no new checkpoint was saved"}


def page(table: Table) -> str:
    """The whole page."""
    classes = list(dict.fromkeys((rule.name, rule.exit_code) for rule in RULES))
    return "\n".join(
        [
            f"# Failure classes\n\n{FAILURES}\n{_classes(table, classes)}",
            f"## What is tried again\n\n{AGAIN}\n{_policies(table)}",
            f"## Next steps\n\n{STEPS}\n{_hints(table, classes)}",
            f"## The rules\n\n{EVIDENCE}\n{_rules(table)}",
            _measured(table),
        ]
    )


def variables(table: Table) -> str:
    """The environment that is set for several processes."""
    when = {
        "always": "always",
        "several": "several processes",
        "one-node": "several processes, one node",
        "one-node-nccl": "several GPUs, one node",
        "nccl": "several processes on GPUs",
    }
    cells = [
        (f"`{one['name']}`", f"`{one['value']}`", when[one["when"]], "yes" if one["forced"] else "no", one["reason"])
        for one in variable_rows()
    ]
    return table(("variable", "value", "when", "replaces yours", "why"), cells)


def _classes(table: Table, classes: Sequence[tuple[str, int]]) -> str:
    retries = {int(code): retry for codes, _, retry in TABLE for code in codes.split(", ")}
    rows = [(name, code, POLICIES[name].what + SAVED.get(code, "")) for name, code in classes] + list(WITHOUT_RULE)
    cells = [(f"`{name}`", str(code), what, retries[code] or "the same command goes on") for name, code, what in rows]
    return table(("class", "exit code", "what happened", "who retries"), cells)


def _policies(table: Table) -> str:
    cells = [(f"`{name}`", *_policy(one)) for name, one in POLICIES.items() if one.tries or one.node == OTHER]
    return table(("class", "tried again", "counts as", "first wait", "where", "from"), cells)


def _policy(one: Policy) -> tuple[str, ...]:
    if one.node == OTHER:
        return ("by whoever started the stage", "–", "–", "another node", "the newest checkpoint")
    start = "the beginning; the checkpoints are kept aside" if one.start == BEGINNING else "the newest checkpoint"
    often = "once" if one.tries == 1 else f"up to {one.tries} times"
    return (often, f"a {one.counts}", f"{one.wait:g} s", "the same node", start)


def _hints(table: Table, classes: Sequence[tuple[str, int]]) -> str:
    hints = {
        key: list(dict.fromkeys(rule.hint for rule in RULES if (rule.name, rule.exit_code) == key and rule.hint))
        for key in classes
    }
    cells = [(f"`{name}`", str(code), " / ".join(hint)) for (name, code), hint in hints.items() if hint]
    return table(("class", "exit code", "next step"), cells)


def _rules(table: Table) -> str:
    cells = [(str(at), f"`{rule.name}`", _looks_at(rule.when), _source(rule)) for at, rule in enumerate(RULES, 1)]
    return table(("", "class", "applies when", "source of the evidence"), cells)


def _source(rule: Rule) -> str:
    return rule.source or "–"


def _looks_at(when: When) -> str:
    """The conditions in words, without the expressions: those are in the table itself."""
    parts = [
        f"`{when.given}` is known" if when.given else "",
        f"stopped: {', '.join(when.stop)}" if when.stop else "",
        {True: "a new checkpoint was saved", False: "no new checkpoint was saved", None: ""}[when.saved],
        "it had resumed" if when.resumed else "",
        "it failed" if when.failed else "",
        f"signal: {when.signals if isinstance(when.signals, str) else ', '.join(when.signals)}" if when.signals else "",
        f"XID: {when.xids if isinstance(when.xids, str) else ', '.join(map(str, when.xids))}" if when.xids else "",
        "the kernel killed for lack of memory" if when.oom_kills else "",
        "a metric's latest value is not finite" if when.non_finite else "",
        "a message anywhere" if when.log else "",
        "a message in the traceback" if when.traceback else "",
        "a message at the end" if when.end else "",
    ]
    return "; ".join(part for part in parts if part)


def _measured(table: Table) -> str:
    known, unseen = judged(FOLDER), judged(UNSEEN)
    said = MEASURED.format(
        count=len(known), right=_right(known), unseen=len(unseen), unseen_right=_right(unseen)
    )  # fmt: skip
    first, second = measured(known), measured(unseen)
    cells = [
        (f"`{name}`", *_numbers(first.get(name)), *_numbers(second.get(name))) for name in sorted({*first, *second})
    ]
    heads = ("class", "logs", "precision", "recall", "unseen logs", "precision", "recall")
    wrong = [(f"`{a}`", f"`{b}`", str(n)) for (a, b), n in sorted(confusions([*known, *unseen]).items())]
    return (
        f"## How often the rules are right\n\n{said}\n{table(heads, cells)}\n"
        f"What is confused, of all {len(known) + len(unseen)} logs:\n\n"
        f"{table(('is', 'was called', 'logs'), wrong)}"
    )


def _numbers(found: tuple[int, float, float] | None) -> tuple[str, str, str]:
    if found is None:
        return ("–", "–", "–")
    count, precision, recall = found
    return (str(count), f"{precision:.2f}", f"{recall:.2f}")


def _right(rows: Sequence[Judged]) -> int:
    return sum(row.expected == row.got for row in rows)
