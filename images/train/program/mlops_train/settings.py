"""What the program is told: a command, a schedule or a crontab file, a time zone, where logs and stamps go.

MLOPS_SCHEDULE    five fields of cron: run the command then, again and again (default: run it now, once)
MLOPS_CRONTAB     a file with lines `FIELDS COMMAND` (for /bin/sh) and `CRON_TZ=ZONE`, in place of the two
MLOPS_TIMEZONE    the zone of the schedule, such as Europe/Berlin (default: TZ, else UTC)
MLOPS_CATCH_UP    "once": a run that was missed while nothing ran here is made up for, once (default: "no")
MLOPS_MAX_RUNS    end after so many runs, with the first exit code that is not 0 (default: never)
MLOPS_LOGS        the folder of logs and stamps (default: /logs, when something is mounted there)
MLOPS_KEEP_LOGS   how many logs of a task are kept (default: 100)
MLOPS_TORCHRUN    processes per node (a number, `gpu`, `cpu`, `auto`): a Python command is started by torchrun
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from . import cron

FIELDS = 5
DEFAULT_LOGS = "/logs"


class SettingsError(ValueError):
    """What was asked for cannot be done; says which setting, and why."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One command, and when it runs (None: now)."""

    name: str
    command: tuple[str, ...]
    schedule: cron.Cron | None = None
    zone: ZoneInfo = ZoneInfo("UTC")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of it. `logs` is None where nothing is to be kept."""

    tasks: tuple[Task, ...]
    logs: Path | None
    catch_up: bool = False
    max_runs: int | None = None
    keep_logs: int = 100

    @property
    def scheduled(self) -> bool:
        """Whether anything waits for its time."""
        return any(task.schedule is not None for task in self.tasks)


def read(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings of this call. Raises `SettingsError`."""
    command = tuple(arguments[1:] if arguments[:1] == ["--"] else arguments)
    schedule, crontab = environ.get("MLOPS_SCHEDULE", ""), environ.get("MLOPS_CRONTAB", "")
    if schedule and crontab:
        raise SettingsError("MLOPS_SCHEDULE and MLOPS_CRONTAB are both set: use one of them")
    zone = zone_of(environ.get("MLOPS_TIMEZONE") or environ.get("TZ") or "UTC")
    if crontab:
        if command:
            raise SettingsError(f"the commands stand in {crontab} (MLOPS_CRONTAB): give no other one")
        tasks = tuple(crontab_tasks(Path(crontab), zone))
    elif not command:
        raise SettingsError("give a command: docker run IMAGE python train.py")
    else:
        command = torchrun(command, environ.get("MLOPS_TORCHRUN", ""))
        when = _cron(schedule, "MLOPS_SCHEDULE") if schedule else None
        tasks = (Task(name="train", command=command, schedule=when, zone=zone),)
    catch_up = environ.get("MLOPS_CATCH_UP", "no")
    if catch_up not in {"no", "once"}:
        raise SettingsError(f"MLOPS_CATCH_UP=`{catch_up}`: write `no` or `once`")
    return Settings(
        tasks=tasks,
        logs=_logs(environ),
        catch_up=catch_up == "once",
        max_runs=_count(environ, "MLOPS_MAX_RUNS"),
        keep_logs=_count(environ, "MLOPS_KEEP_LOGS") or Settings.keep_logs,
    )


def crontab_tasks(path: Path, zone: ZoneInfo) -> Iterator[Task]:
    """The tasks of a crontab file, `line-3` by name. Raises `SettingsError` with the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"MLOPS_CRONTAB: {path} cannot be read: {error}") from error
    found = 0
    for number, line in enumerate(lines, start=1):
        text, where = line.strip(), f"{path}:{number}"
        if not text or text.startswith("#"):
            continue
        if text.startswith("CRON_TZ="):
            zone = zone_of(text.removeprefix("CRON_TZ=").strip("\"' "), where)
            continue
        words = text.split(maxsplit=FIELDS)
        if len(words) <= FIELDS:
            raise SettingsError(f"{where}: `{text}` is no line of five fields and a command, and no CRON_TZ=ZONE")
        schedule = _cron(" ".join(words[:FIELDS]), where)
        found += 1
        yield Task(name=f"line-{number}", command=("/bin/sh", "-c", words[FIELDS]), schedule=schedule, zone=zone)
    if not found:
        raise SettingsError(f"{path} (MLOPS_CRONTAB) holds no task")


def zone_of(name: str, where: str = "MLOPS_TIMEZONE") -> ZoneInfo:
    """A time zone by its name. Raises `SettingsError`."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"{where}: `{name}` is no time zone such as Europe/Berlin") from error


def torchrun(command: tuple[str, ...], processes: str) -> tuple[str, ...]:
    """A Python command as torchrun starts it on one node; any other command stays as it is."""
    if not processes:
        return command
    if not (processes.isdigit() and int(processes) > 0) and processes not in {"gpu", "cpu", "auto"}:
        raise SettingsError(f"MLOPS_TORCHRUN=`{processes}`: write a number of processes, or gpu, cpu or auto")
    # Without a network the container's own name means no address.
    start = ("torchrun", "--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={processes}")
    program, *rest = command
    if program.endswith(".py"):
        return (*start, *command)
    if os.path.basename(program) not in {"python", "python3"} or not rest:  # a word, not a path
        raise SettingsError(f"MLOPS_TORCHRUN: torchrun starts `python FILE` or `python -m MODULE`, not `{program}`")
    return (*start, *(["--module", *rest[1:]] if rest[0] == "-m" else rest))


def _cron(text: str, where: str) -> cron.Cron:
    try:
        return cron.parse(text)
    except cron.CronError as error:
        raise SettingsError(f"{where}: {error}") from error


def _count(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{name}=`{text}` is no number of at least 1")
    return int(text)


def _logs(environ: Mapping[str, str]) -> Path | None:
    """The folder for logs. One that was asked for must be writable; the usual one counts only as a mount."""
    asked = environ.get("MLOPS_LOGS", "")
    folder = Path(asked or DEFAULT_LOGS)
    if not asked and not folder.is_mount():
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the folder of logs {folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(
            f"uid {os.getuid()} may not write into {folder}: make it its own (chown {os.getuid()}), or set MLOPS_LOGS"
        )
    return folder
