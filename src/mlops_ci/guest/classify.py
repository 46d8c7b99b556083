"""Why a job ended: one class, one exit code, one cause, one next step.

`RULES` is the table, in order: the first rule that applies names the class. The exit codes are those of the one table
of the whole project (`exits.py`); which codes are retried, and by whom, is said there.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlops_ci.guest import exits
from mlops_ci.guest.processes.supervisor import INTERRUPTED, LEASH, STALLED, TERMINATED, TIMEOUT

DEVICE_MEMORY = re.compile(
    r"torch\.(?:cuda\.)?OutOfMemoryError|CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED"
    r"|HIP out of memory"
)
HOST_MEMORY = re.compile(
    r"^(?:\[rank\d+\]:\s?)?MemoryError\b|Cannot allocate memory|std::bad_alloc"
    r"|DefaultCPUAllocator: (?:can't allocate|not enough) memory"
    r"|DataLoader worker \(pid.*\) is killed by signal: Killed"
)
SHARED_MEMORY = re.compile(
    r"insufficient shared memory \(shm\)|unable to (?:allocate|open) shared memory|/torch_\d+_\d+_\d+"
)
DISK = re.compile(
    r"No space left on device|Disk quota exceeded|\[Errno 28\]|\[Errno 122\]|\[Errno 27\]|File too large|ENOSPC"
)
DEVICE_FAULT = re.compile(
    r"uncorrectable (?:ECC|NVLink) error|GPU has fallen off the bus|CUDA error: hardware stack error"
    r"|CUDA error: system not yet initialized"
)
COLLECTIVE = re.compile(r"Watchdog caught collective operation timeout|ProcessGroupNCCL.*(?:timed out|timeout)")
NO_DEVICE = re.compile(r"Torch not compiled with CUDA enabled|Found no NVIDIA driver|No CUDA GPUs are available")
THERE_ALREADY = re.compile(r"^FileExistsError: ")
CRASHES = {
    signal.SIGSEGV: "a memory access error (SIGSEGV)",
    signal.SIGBUS: "a bus error (SIGBUS)",
    signal.SIGABRT: "an abort (SIGABRT)",
    signal.SIGILL: "an illegal instruction (SIGILL)",
    signal.SIGFPE: "an arithmetic error (SIGFPE)",
}


@dataclass(frozen=True)
class Evidence:
    """What is known about an ended job.

    `code` is the last command's exit code, minus the signal for a killed one, None when nothing ran. `tail` is the
    end of the log, newest last; `oom_kills` counts the kernel's kills for lack of memory during the job;
    `full_folder` is a folder without free space; `exception` the Python exception that ended the job, with its place.
    `disk_problem` is what went wrong when we ourselves wrote.
    """

    code: int | None
    command: str = ""
    stop: str | None = None
    checkpoint_saved: bool = False
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

    @property
    def failed(self) -> bool:
        """Whether the last command ended with anything but success."""
        return self.code is not None and self.code != 0

    def says(self, pattern: re.Pattern[str]) -> str | None:
        """The newest line of a failed job's log that matches."""
        if not self.failed:
            return None
        return next((line.strip()[:300] for line in reversed(self.tail) if pattern.search(line)), None)


@dataclass(frozen=True)
class Rule:
    """One row of the table. `cause` gives one line when the rule applies, else None."""

    name: str
    exit_code: int
    cause: Callable[[Evidence], str | None]
    hint: str


@dataclass(frozen=True)
class Verdict:
    """The class of an ended job."""

    name: str
    exit_code: int
    cause: str
    hint: str


def _stopped(reason: str, *, saved: bool, text: Callable[[Evidence], str]) -> Callable[[Evidence], str | None]:
    def cause(evidence: Evidence) -> str | None:
        return text(evidence) if evidence.stop == reason and evidence.checkpoint_saved == saved else None

    return cause


def _preempted(evidence: Evidence) -> str | None:
    if evidence.stop in (TERMINATED, INTERRUPTED, LEASH) and evidence.checkpoint_saved:
        return f"{_who(evidence)}; a checkpoint was saved"
    return None


def _cancelled(evidence: Evidence) -> str | None:
    return _who(evidence) if evidence.stop in (TERMINATED, LEASH) else None


def _who(evidence: Evidence) -> str:
    if evidence.stop == LEASH:
        return "the process that started this job is gone (its end of the leash closed)"
    return f"the job was asked to end ({'SIGINT' if evidence.stop == INTERRUPTED else 'SIGTERM'})"


def _timeout(evidence: Evidence) -> str:
    return f"the limit of {evidence.timeout or 0:g} s for the whole job is over"


def _stall(evidence: Evidence) -> str:
    where = f"; the last line was: {evidence.last_line}" if evidence.last_line else ""
    return f"no output and no metric for {evidence.stall or 0:g} s{where}"


def _host_memory(evidence: Evidence) -> str | None:
    limit = evidence.memory_limit_bytes
    within = "" if limit is None else f" (limit {limit / 2**30:.1f} GiB)"
    if evidence.failed and evidence.oom_kills > 0:
        return f"the kernel killed the job or one of its processes for lack of memory{within}"
    line = evidence.says(HOST_MEMORY)
    return None if line is None else f"out of memory{within}: {evidence.exception or line}"


def _killed(evidence: Evidence) -> str | None:
    if evidence.code == -signal.SIGKILL:
        return "the job was killed (SIGKILL) by something outside: an operator, a limit, or the kernel"
    return None


def _crash(evidence: Evidence) -> str | None:
    if evidence.code is None:
        return None
    number = -evidence.code if evidence.code < 0 else evidence.code - 128
    return next((f"the program crashed with {text}" for one, text in CRASHES.items() if one == number), None)


def _non_finite(evidence: Evidence) -> str | None:
    if evidence.code is None or not evidence.non_finite:
        return None
    also = f"; the program then ended with: {evidence.exception}" if evidence.exception else ""
    return f"the latest value of {', '.join(evidence.non_finite)} is not a finite number{also}"


def _disk(evidence: Evidence) -> str | None:
    if evidence.disk_problem is not None:
        return f"the disk is full or a limit on files was reached: {evidence.disk_problem}"
    line = evidence.says(DISK)
    if line is not None:
        where = f" ({evidence.full_folder} is full)" if evidence.full_folder else ""
        return f"the disk is full or a limit on files was reached{where}: {evidence.exception or line}"
    return f"the disk of {evidence.full_folder} is full" if evidence.failed and evidence.full_folder else None


def _pattern(pattern: re.Pattern[str]) -> Callable[[Evidence], str | None]:
    def cause(evidence: Evidence) -> str | None:
        line = evidence.says(pattern)
        return None if line is None else evidence.exception or line

    return cause


def _user_error(evidence: Evidence) -> str | None:
    if not evidence.failed or evidence.code is None:
        return None
    if evidence.exception:
        return evidence.exception
    number = f"signal {-evidence.code}" if evidence.code < 0 else f"exit code {evidence.code}"
    said = f"; its last line was: {evidence.last_line}" if evidence.last_line else ""
    return f"`{evidence.command}` ended with {number}{said}"


RULES: tuple[Rule, ...] = (
    Rule(
        "internal",
        exits.INTERNAL,
        lambda one: one.internal,
        "This is a bug of mlops-ci: please report it with the log.",
    ),
    Rule("preempted", exits.PREEMPTED, _preempted, "Start the same command again: it resumes from the checkpoint."),
    Rule(
        "interrupted",
        exits.INTERRUPTED,
        lambda one: _who(one) if one.stop == INTERRUPTED else None,
        "Start the same command again to go on.",
    ),
    Rule("cancelled", exits.TERMINATED, _cancelled, "Start the same command again to go on."),
    Rule(
        "timeout",
        exits.PREEMPTED,
        _stopped(TIMEOUT, saved=True, text=_timeout),
        "A checkpoint was saved: the next attempt resumes from it. Raise the stage's timeout if that is too little.",
    ),
    Rule(
        "timeout",
        exits.OUT_OF_TIME,
        _stopped(TIMEOUT, saved=False, text=_timeout),
        "Raise the stage's timeout, train less, or save checkpoints so that the next attempt can resume.",
    ),
    Rule(
        "stalled",
        exits.PREEMPTED,
        _stopped(STALLED, saved=True, text=_stall),
        "A checkpoint was saved: the next attempt resumes from it. The log ends with the place where it hung.",
    ),
    Rule(
        "stalled",
        exits.OUT_OF_TIME,
        _stopped(STALLED, saved=False, text=_stall),
        "The log ends with the place where it hung. If silence is normal there, raise [train] stall.",
    ),
    Rule("bad-command", exits.USER_CODE, lambda one: one.bad_command, ""),
    Rule(
        "device-fault",
        exits.UNHEALTHY,
        _pattern(DEVICE_FAULT),
        "The GPU reported a fault of its own: run on another node, and have this one looked at.",
    ),
    Rule(
        "collective-timeout",
        exits.UNHEALTHY,
        _pattern(COLLECTIVE),
        "A GPU or its link stopped answering the others: run on another node. If it stays, one rank never gets there.",
    ),
    Rule(
        "out-of-memory-device",
        exits.USER_CODE,
        _pattern(DEVICE_MEMORY),
        "The GPU's memory is too small: use a smaller batch, gradient accumulation or lower precision.",
    ),
    Rule(
        "out-of-memory-host",
        exits.USER_CODE,
        _pattern(SHARED_MEMORY),
        "/dev/shm is too small for the data loader's workers: raise [train] shm, or use fewer workers.",
    ),
    Rule(
        "out-of-memory-host",
        exits.USER_CODE,
        _host_memory,
        "Main memory is too small: raise [train] memory, load less at once, or use fewer workers.",
    ),
    Rule("disk-full", exits.USER_CODE, _disk, "Free space on this runner (`mlops-ci clean`), or write and keep less."),
    Rule(
        "non-finite",
        exits.USER_CODE,
        _non_finite,
        "The training diverged: lower the learning rate, clip gradients, or look at the data.",
    ),
    Rule(
        "killed",
        exits.USER_CODE,
        _killed,
        "If memory may be the reason, compare its peak in the report with the limit. The same command resumes.",
    ),
    Rule("user-error", exits.USER_CODE, _crash, "The log ends with where it was, if Python could say."),
    Rule(
        "user-error",
        exits.USER_CODE,
        _pattern(NO_DEVICE),
        "The code asks for a GPU that this image or node does not have: check [image] variant and [train] gpus, or use "
        "torch.cuda.is_available().",
    ),
    Rule(
        "user-error",
        exits.USER_CODE,
        _pattern(THERE_ALREADY),
        "The output folder is there before the script starts: os.makedirs(..., exist_ok=True).",
    ),
    Rule(
        "user-error",
        exits.USER_CODE,
        _user_error,
        "The log has the whole story; it is a failure of the project's own code.",
    ),
    Rule(
        "unsafe-model",
        exits.USER_CODE,
        lambda one: one.unsafe_model,
        "Save torch.save(model.state_dict(), ...) or safetensors, or allow the file by name in [train] allow-pickle.",
    ),
    Rule(
        "no-model",
        exits.USER_CODE,
        lambda one: one.no_model,
        "Save the model into the output folder: model.safetensors, or model.pt by torch.save(model.state_dict(), ...).",
    ),
)

OK = Verdict("ok", exits.OK, "", "")


def classify(evidence: Evidence) -> Verdict:
    """The first rule of `RULES` that applies, else `OK`."""
    for rule in RULES:
        cause = rule.cause(evidence)
        if cause:
            return Verdict(rule.name, rule.exit_code, cause, rule.hint)
    return OK
