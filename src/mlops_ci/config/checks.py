"""What types alone don't say: whether the settings make sense together and on this disk."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
import warnings
import zoneinfo
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mlops_ci import cron
from mlops_ci.config.deploy import deploy
from mlops_ci.config.expected import near
from mlops_ci.config.finding import Finding
from mlops_ci.config.keys import Key
from mlops_ci.config.signing import signing
from mlops_ci.config.sweep import sweep
from mlops_ci.guest.health import known
from mlops_ci.guest.output.printed import PatternError, PrintedMetrics
from mlops_ci.settings.rules import parse as parse_rule
from mlops_ci.settings.settings import Tables

DATA: Key = ("data",)
PREPARE: Key = ("prepare",)
PARAMS: Key = ("train", "params")
START_FROM: Key = ("train", "start-from")
EMAIL_TO: Key = ("notify", "email-to")
WEBHOOK: Key = ("notify", "webhook")
WORD_IN_BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
PARAMETER = "params."
PLACEHOLDERS = ("data", "output", "checkpoints", "model", "champion", "seed")
# MLflow's own rule for the names of parameters and metrics, without the space in the former.
PARAMETER_NAME = re.compile(r"[A-Za-z0-9_.-]+")
METRIC_NAME = re.compile(r"[A-Za-z0-9_./ -]+")


def check(tables: Tables, root: Path) -> Iterator[Finding]:
    """Everything that makes no sense. `root` is the folder of the configuration file."""
    yield from _commands(tables)
    yield from _names(tables)
    yield from _metrics(tables)
    yield from _outputs(tables)
    yield from _data(tables)
    yield from _files(tables, root)
    yield from _evaluate(tables)
    yield from _store(tables)
    yield from _policy(tables)
    yield from _notify(tables, root)
    yield from _nightly(tables)
    yield from _verify(tables)
    yield from signing(tables)
    yield from _nodes(tables)
    yield from sweep(tables)
    yield from deploy(tables)


def _nodes(tables: Tables) -> Iterator[Finding]:
    train, nodes, node = tables.train, ("train", "nodes"), ("train", "node")
    if train.node >= train.nodes:
        message = f"there is no node {train.node} of {train.nodes}: they count from 0"
        yield Finding(key=node, message=message, given=(nodes,))
    if train.nodes > 1 and train.rendezvous is None:
        message = 'several nodes need [train] rendezvous = "host:port", an address of node 0'
        yield Finding(key=nodes, message=message, given=(("train", "rendezvous"),))


def _commands(tables: Tables) -> Iterator[Finding]:
    fetched = any((tables.data.path, tables.data.source, tables.data.fetch))
    data = ("data",) if fetched else ()
    prepared = ("data",) if fetched or tables.prepare.command else ()
    champion = ("champion",) if tables.train.start_from == "champion" else ()
    train = (*prepared, "output", "checkpoints", "seed", *champion)
    commands: list[tuple[Key, str | None, tuple[str, ...]]] = [
        (("train", "command"), tables.train.command, train),
        (("data", "fetch"), tables.data.fetch, ("output", "seed")),
        (("prepare", "command"), tables.prepare.command, (*data, "output", "seed")),
        (("evaluate", "command"), tables.evaluate.command, (*prepared, "output", "model", "seed")),
    ]
    commands += [(("check", "commands", at), one, ("seed",)) for at, one in enumerate(tables.check.commands)]
    for key, command, placeholders in commands:
        if command is not None:
            yield from _words(key, command)
            params = tuple(dict.fromkeys((*tables.train.params, *tables.sweep.names)))
            yield from _placeholders(key, command, placeholders, params)


def _words(key: Key, command: str) -> Iterator[Finding]:
    try:
        if not shlex.split(command):
            yield Finding(key=key, message="the command has no words")
    except ValueError as error:
        yield Finding(key=key, message=f"the command can't be split into words: {str(error).lower()}")


def _placeholders(key: Key, command: str, placeholders: tuple[str, ...], params: tuple[str, ...]) -> Iterator[Finding]:
    known = (*placeholders, *(f"{PARAMETER}{name}" for name in params))
    for name in dict.fromkeys(WORD_IN_BRACES.findall(command)):
        if name in known:
            continue
        if name.startswith(PARAMETER):
            yield Finding(key=key, message=_unknown_parameter(name, params), given=(PARAMS,))
        elif name in PLACEHOLDERS:
            yield Finding(key=key, message=_out_of_place(name, known), given=(DATA, PREPARE, START_FROM))
        elif meant := f"{PARAMETER}{name}" if name in params else near(name, (*known, *PLACEHOLDERS)):
            yield Finding(key=key, message=f"unknown placeholder `{{{name}}}`; did you mean `{{{meant}}}`?")


def _unknown_parameter(name: str, params: tuple[str, ...]) -> str:
    parameter = name.removeprefix(PARAMETER)
    meant = near(parameter, params)
    hint = f"did you mean `{{{PARAMETER}{meant}}}`?" if meant else f"[train] params has {', '.join(params) or 'none'}"
    return f"`{{{name}}}`: there is no parameter `{parameter}`; {hint}"


def _out_of_place(name: str, known: tuple[str, ...]) -> str:
    reasons = {
        "data": "[data] names no path, source or fetch",
        "champion": 'only a training with start-from = "champion" has it',
    }
    has = " ".join(f"{{{one}}}" for one in known)
    return f"`{{{name}}}` is not there for this command: {reasons.get(name) or f'it has {has}'}"


def _names(tables: Tables) -> Iterator[Finding]:
    for name in tables.train.params:
        if not PARAMETER_NAME.fullmatch(name):
            message = "a parameter's name has letters, digits, `_`, `-` and `.` only"
            yield Finding(key=("train", "params", name), message=message)
    for name in tables.train.metrics:
        if not METRIC_NAME.fullmatch(name):
            message = "a metric's name has letters, digits, spaces, `_`, `-`, `.` and `/` only"
            yield Finding(key=("train", "metrics", name), message=message)


def _metrics(tables: Tables) -> Iterator[Finding]:
    for name, pattern in tables.train.metrics.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                PrintedMetrics({name: pattern})
            except PatternError as error:
                yield Finding(key=("train", "metrics", name), message=str(error))


def _outputs(tables: Tables) -> Iterator[Finding]:
    path = PurePosixPath(tables.train.outputs)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        message = "must be a folder below the working directory, such as `outputs`: its whole content is collected"
        yield Finding(key=("train", "outputs"), message=message)


def _data(tables: Tables) -> Iterator[Finding]:
    data = tables.data
    given = [name for name in ("path", "source", "fetch") if getattr(data, name) is not None]
    for name in given[1:]:
        yield Finding(key=("data", name), message=f"the data has one origin: keep either `{given[0]}` or `{name}`")
    if data.fingerprint == "command" and data.fetch is None:
        message = '"command" needs `fetch`: without it there is no command to go by'
        yield Finding(key=("data", "fingerprint"), message=message, given=(("data", "fetch"),))


def _files(tables: Tables, root: Path) -> Iterator[Finding]:
    for name in ("requirements", "extra", "dockerfile"):
        value: str | None = getattr(tables.image, name)
        if value is not None and (fault := _missing_file(root, value)):
            yield Finding(key=("image", name), message=fault)
    entry, _, _ = (tables.deploy.entry or "").rpartition(":")
    for key, wanted in (("entry", entry), ("requirements", tables.deploy.requirements)):
        if wanted and (fault := _missing_file(root, wanted)):
            yield Finding(key=("deploy", key), message=fault)


def _missing_file(root: Path, value: str) -> str | None:
    path = root / value
    try:
        if path.is_file():
            return None
        if path.is_dir():
            return f"{value} is a folder, not a file"
        meant = near(path.name, [one.name for one in path.parent.iterdir() if one.is_file()])
    except (OSError, ValueError):
        meant = None
    return f"there is no file {value} in {root}{f'; did you mean `{meant}`?' if meant else ''}"


def _evaluate(tables: Tables) -> Iterator[Finding]:
    rule = tables.evaluate
    if rule.min_effect > 0 and rule.margin > 0:
        message = "either a challenger may be worse (`margin`), or it must be better (`min-effect`): keep one of them"
        yield Finding(key=("evaluate", "min-effect"), message=message, given=(("evaluate", "margin"),))
    for name, text in rule.also.items():
        try:
            parse_rule(text)
        except ValueError as error:
            yield Finding(key=("evaluate", "also", name), message=str(error))
        if name == rule.metric:
            yield Finding(key=("evaluate", "also", name), message="is `metric` already: this is for further ones")
    if rule.metric is None:
        for name, is_set in (
            ("floor", rule.floor is not None),
            ("margin", rule.margin > 0),
            ("slices", rule.slices),
            ("min-effect", rule.min_effect > 0),
            ("also", rule.also),
        ):
            if is_set:
                message = "needs `metric`: the name of the metric that it speaks of"
                yield Finding(key=("evaluate", name), message=message, given=(("evaluate", "metric"),))


def _store(tables: Tables) -> Iterator[Finding]:
    store = tables.publish.store
    if store is not None and "://" in store and not re.match(r"s3://[^/\s]+", store):
        yield Finding(key=("publish", "store"), message="expected s3://bucket/prefix, or a folder")


def _policy(tables: Tables) -> Iterator[Finding]:
    given = {"source": tables.policy.source, "sha256": tables.policy.sha256}
    for name, other in (("source", "sha256"), ("sha256", "source")):
        if given[name] is not None and given[other] is None:
            message = f"needs `{other}`: a policy is named together with the digest of the file"
            yield Finding(key=("policy", name), message=message, given=(("policy", other),))


def _notify(tables: Tables, root: Path) -> Iterator[Finding]:
    notify = tables.notify
    if notify.email is not None and not notify.email_to:
        yield Finding(key=("notify", "email"), message="needs `email-to`: who gets the mail", given=(EMAIL_TO,))
    for name in ("webhook_key", "webhook_template"):
        if getattr(notify, name) is not None and notify.webhook is None:
            message = "needs `webhook`: the variable with the address"
            yield Finding(key=("notify", name.replace("_", "-")), message=message, given=(WEBHOOK,))
    if notify.webhook_template is not None and (fault := _no_json(root, notify.webhook_template)):
        yield Finding(key=("notify", "webhook-template"), message=fault)


def _no_json(root: Path, value: str) -> str | None:
    if fault := _missing_file(root, value):
        return fault
    try:
        json.loads((root / value).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"{value} cannot be read as JSON: {error}"
    return None


def _nightly(tables: Tables) -> Iterator[Finding]:
    if tables.nightly.schedule is not None:
        try:
            cron.parse(tables.nightly.schedule)
        except cron.CronError as error:
            yield Finding(key=("nightly", "schedule"), message=str(error))
    zone = tables.nightly.timezone
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        meant = near(zone, zoneinfo.available_timezones())
        hint = f"; did you mean `{meant}`?" if meant else "; a name of the IANA database, such as Europe/Berlin"
        yield Finding(key=("nightly", "timezone"), message=f"there is no time zone {zone} on this machine{hint}")


def _verify(tables: Tables) -> Iterator[Finding]:
    verify = tables.verify
    names: list[tuple[Key, str]] = [(("verify", "only", at), name) for at, name in enumerate(verify.only)]
    names += [(("verify", "silence", name), name) for name in verify.silence]
    for key, name in names:
        if not known.is_check(name):
            meant = near(name, known.checks())
            hint = f"; did you mean `{meant}`?" if meant else ""
            yield Finding(key=key, message=f"there is no check `{name}`{hint}")
    for name in verify.limits:
        if name not in known.limits():
            meant = near(name, known.limits())
            hint = f"; did you mean `{meant}`?" if meant else ""
            yield Finding(key=("verify", "limits", name), message=f"there is no limit `{name}`{hint}")
    for name, text in verify.silence.items():
        try:
            dt.date.fromisoformat(text[:10])
        except ValueError:
            yield Finding(key=("verify", "silence", name), message=f"{text[:10]} is no day of the calendar")
    if verify.history is not None and "://" in verify.history and not re.match(r"s3://[^/\s]+", verify.history):
        yield Finding(key=("verify", "history"), message="expected s3://bucket/prefix, or a folder")
