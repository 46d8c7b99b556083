"""Why a job ended: one class, one exit code, one cause, one next step.

The first rule of `failures.json` that applies names the class. The exit codes are those of the one table of the whole
project (`exits.py`).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_ci.guest import exits
from mlops_ci.guest.output.causes import HEADER, LAUNCHERS
from mlops_ci.guest.processes.supervisor import INTERRUPTED, LEASH

if TYPE_CHECKING:
    from mlops_ci.guest.failures import Rule, When

LONGEST = 300
LAST_LINES = 5
REPORTS = ("FAILED ", "ERROR tests", "E  ")
"""Lines of a test report: they tell of what was tested, not of what ended the job."""

SIGNALS = {one.value: one.name for one in signal.Signals}
CRASHES = {
    "SIGSEGV": "a memory access error (SIGSEGV)",
    "SIGBUS": "a bus error (SIGBUS)",
    "SIGABRT": "an abort (SIGABRT)",
    "SIGILL": "an illegal instruction (SIGILL)",
    "SIGFPE": "an arithmetic error (SIGFPE)",
}


@dataclass(frozen=True)
class Evidence:
    """What is known about an ended job.

    `code` is the last command's exit code, minus the signal for a killed one, None when nothing ran. `tail` is the
    end of the log, newest last; `oom_kills` counts the kernel's kills for lack of memory during the job;
    `full_folder` is a folder without free space; `exception` the Python exception that ended the job, with its place.
    `disk_problem` is what went wrong when we ourselves wrote. `xids` are the driver's reports during the job: code,
    verify's verdict, meaning. `lost_gpus` are those that the driver no longer shows. `silent_ranks` says that the
    launcher of several processes failed and none of them left a word.
    """

    code: int | None
    command: str = ""
    stop: str | None = None
    checkpoint_saved: bool = False
    resumed: bool = False
    tail: Sequence[str] = ()
    exception: str | None = None
    last_line: str = ""
    oom_kills: int = 0
    memory_limit_bytes: int | None = None
    full_folder: str | None = None
    disk_problem: str | None = None
    non_finite: Sequence[str] = ()
    bad_command: str | None = None
    unsafe_model: str | None = None
    no_model: str | None = None
    internal: str | None = None
    timeout: float | None = None
    stall: float | None = None
    gpu_idle: float | None = None
    xids: Sequence[tuple[int, str, str]] = ()
    lost_gpus: str | None = None
    silent_ranks: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the last command ended with anything but success."""
        return self.code is not None and self.code != 0

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended the command; a shell shows it as 128 + its number."""
        number = -(self.code or 0) if (self.code or 0) < 0 else (self.code or 0) - 128
        return SIGNALS.get(number)

    def line(self, pattern: str, first: int = 0) -> str | None:
        """The newest line of a failed job's log that matches, not before line `first`."""
        if not self.failed:
            return None
        return next((line.strip()[:LONGEST] for line in reversed(self.tail[first:]) if re.search(pattern, line)), None)

    def in_traceback(self, pattern: str) -> str | None:
        """The same from the first traceback on, where an exception ended the job."""
        starts = [at for at, line in enumerate(self.tail) if line.rstrip().endswith(HEADER)]
        return self.line(pattern, starts[0] if starts and self.exception else 0)

    def at_the_end(self, pattern: str) -> str | None:
        """A match in what ended the job: its exception; without one, or with that of a launcher, in its last lines."""
        if not self.failed:
            return None
        if self.exception and not any(name in self.exception for name in LAUNCHERS):
            return self.exception if re.search(pattern, self.exception) else None
        lines = [line.strip()[:LONGEST] for line in self.tail if line.strip() and not line.startswith(REPORTS)]
        if not self.exception:
            lines = lines[-LAST_LINES:]
        return next((line for line in reversed(lines) if re.search(pattern, line)), None)

    def xid(self, wanted: tuple[int, ...] | str) -> str | None:
        """A report of the driver with one of these codes, or with this verdict."""
        fits = [one for one in self.xids if (one[1] == wanted if isinstance(wanted, str) else one[0] in wanted)]
        return f"XID {fits[-1][0]}: {fits[-1][2]}" if fits else None


@dataclass(frozen=True)
class Verdict:
    """The class of an ended job."""

    name: str
    exit_code: int
    cause: str
    hint: str


OK = Verdict("ok", exits.OK, "", "")


def classify(evidence: Evidence) -> Verdict:
    """The first rule of the table that applies, else `OK`."""
    # Its patterns take longer to compile than all of the guest's modules, and most of its processes never ask.
    from mlops_ci.guest.failures import RULES

    for rule in RULES:
        if _applies(rule.when, evidence):
            return Verdict(rule.name, rule.exit_code, _cause(rule, evidence), rule.hint)
    return OK


def _applies(when: When, evidence: Evidence) -> bool:
    return all(
        (
            when.given is None or bool(getattr(evidence, when.given)),
            when.stop is None or evidence.stop in when.stop,
            when.saved is None or evidence.checkpoint_saved == when.saved,
            when.resumed is None or evidence.resumed == when.resumed,
            when.failed is None or evidence.failed == when.failed,
            when.signals is None or _signalled(when.signals, evidence),
            when.xids is None or evidence.xid(when.xids) is not None,
            when.oom_kills is None or (evidence.oom_kills > 0) == when.oom_kills,
            when.non_finite is None or (evidence.code is not None and bool(evidence.non_finite)) == when.non_finite,
            when.log is None or evidence.line(when.log) is not None,
            when.traceback is None or evidence.in_traceback(when.traceback) is not None,
            when.end is None or evidence.at_the_end(when.end) is not None,
        )
    )


def _signalled(wanted: tuple[str, ...] | str, evidence: Evidence) -> bool:
    """Whether one of these signals ended the job; `any` means what the system itself says, not a shell's number."""
    if wanted == "any":
        return evidence.code is not None and evidence.code < 0
    return evidence.failed and evidence.signal in wanted


def _cause(rule: Rule, evidence: Evidence) -> str:
    text = rule.cause.format_map(_words(rule.when, evidence))
    return " ".join(text.split("\n"))


def _words(when: When, evidence: Evidence) -> Mapping[str, str]:
    """What the templates may name."""
    line = _line(when, evidence)
    ending = _ending(evidence)
    limit, last = evidence.memory_limit_bytes, evidence.last_line
    return {
        "given": str(getattr(evidence, when.given) if when.given else ""),
        "line": line or "",
        "said": evidence.exception or line or ending,
        "ending": ending,
        "who": _who(evidence),
        "timeout": f"{evidence.timeout or 0:g}",
        "stall": f"{evidence.stall or 0:g}",
        "idle": f"{evidence.gpu_idle or 0:g}",
        "where": f"; the last line was: {last}" if last else "",
        "last": f"; its last line was: {last}" if last else "",
        "within": "" if limit is None else f" (limit {limit / 2**30:.1f} GiB)",
        "full": f" ({evidence.full_folder} is full)" if evidence.full_folder else "",
        "metrics": ", ".join(evidence.non_finite),
        "also": f"; the program then ended with: {evidence.exception}" if evidence.exception else "",
        "signal": evidence.signal or f"signal {-(evidence.code or 0)}",
        "crash": CRASHES.get(evidence.signal or "", ""),
        "code": str(evidence.code),
        "xid": (evidence.xid(when.xids) if when.xids else None) or "",
    }


def _line(when: When, evidence: Evidence) -> str | None:
    """The line because of which a rule applies."""
    if when.log:
        return evidence.line(when.log)
    if when.traceback:
        return evidence.in_traceback(when.traceback)
    return evidence.at_the_end(when.end) if when.end else None


def _who(evidence: Evidence) -> str:
    if evidence.stop == LEASH:
        return "the process that started this job is gone (its end of the leash closed)"
    return f"the job was asked to end ({'SIGINT' if evidence.stop == INTERRUPTED else 'SIGTERM'})"


def _ending(evidence: Evidence) -> str:
    if evidence.exception or evidence.code is None:
        return evidence.exception or ""
    number = f"signal {-evidence.code}" if evidence.code < 0 else f"exit code {evidence.code}"
    said = f"; its last line was: {evidence.last_line}" if evidence.last_line else ""
    return f"`{evidence.command}` ended with {number}{said}"
