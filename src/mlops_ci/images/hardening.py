"""The rules that every image keeps: who it runs as, what it must not hold, what its labels say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.images import content_key
from mlops_ci.images.look import Inventory

INIT = ("tini", "docker-init", "dumb-init")
# Labels that say where an image comes from.
LABELS = (
    content_key.LABEL,
    "io.mlops-ci.layer",
    "io.mlops-ci.variant",
    "io.mlops-ci.torch",
    "io.mlops-ci.cuda",
    "org.opencontainers.image.source",
    "org.opencontainers.image.revision",
    "org.opencontainers.image.version",
    "org.opencontainers.image.base.name",
    "org.opencontainers.image.base.digest",
)
SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|credential)")
# user:password@ inside an address, and the usual forms of keys.
SECRET_VALUE = re.compile(
    r"://[^/\s:@]+:[^/\s@]+@|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|-----BEGIN [A-Z ]*PRIVATE KEY|glpat-[\w-]{20}"
)
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An image: its configuration as the engine tells it, the commands that made it, what is in it."""

    ref: str
    config: Mapping[str, Any]
    history: Sequence[str]
    inside: Inventory

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.config.get("Labels") or {}


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A rule that an image does not keep, what was found, and what to do."""

    rule: str
    found: str
    fix: str


Rule = Callable[[Subject], Iterator[Breach]]


def breaches(subject: Subject) -> tuple[Breach, ...]:
    """Everything that is wrong; nothing for a good image."""
    return tuple(breach for rule in RULES for breach in rule(subject))


def _user(subject: Subject) -> Iterator[Breach]:
    user = str(subject.config.get("User") or "")
    if re.fullmatch(r"[1-9][0-9]*(:[0-9]+)?", user) is None:
        yield Breach(
            rule="user", found=f"it runs as `{user or 'root'}`", fix="end the Dockerfile with `USER 10001:10001`"
        )


def _init(subject: Subject) -> Iterator[Breach]:
    entry = subject.config.get("Entrypoint") or [""]
    if str(entry[0]).rpartition("/")[2] not in INIT:
        yield Breach(
            rule="init",
            found=f"its first program is `{' '.join(map(str, entry))}`",
            fix='begin ENTRYPOINT with "/usr/bin/tini", "-s", "-g", "--"',
        )


def _labels(subject: Subject) -> Iterator[Breach]:
    missing = [name for name in LABELS if not subject.labels.get(name)]
    if missing:
        yield Breach(rule="labels", found=f"it has no {', '.join(missing)}", fix="build it with `mlops-ci build`")


def _pinned_base(subject: Subject) -> Iterator[Breach]:
    digest = subject.labels.get("org.opencontainers.image.base.digest", "")
    if digest and re.fullmatch(r"sha256:[0-9a-f]{64}", digest) is None:
        yield Breach(rule="base", found=f"its base `{digest}` is no digest", fix="build it with `mlops-ci build`")


def _secrets(subject: Subject) -> Iterator[Breach]:
    for entry in subject.config.get("Env") or ():
        name, _, value = str(entry).partition("=")
        if (SECRET_NAME.search(name) and value and not name.endswith("_FILE")) or SECRET_VALUE.search(value):
            yield Breach(rule="secrets", found=f"the variable {name} holds one", fix="hand it in when the job starts")
    for command in subject.history:
        if SECRET_VALUE.search(command):
            shown = command.split()[0] if command.split() else "a step"
            yield Breach(
                rule="secrets", found=f"a step of its history ({shown}) holds one", fix="use `RUN --mount=type=secret`"
            )


def _paths(rule: str, what: str, fix: str, found: Callable[[Inventory], tuple[str, ...]]) -> Rule:
    def check(subject: Subject) -> Iterator[Breach]:
        paths = found(subject.inside)
        if paths:
            more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
            yield Breach(rule=rule, found=f"{what}: {', '.join(paths[:SHOWN])}{more}", fix=fix)

    return check


RULES: tuple[Rule, ...] = (
    _user,
    _init,
    _labels,
    _pinned_base,
    _secrets,
    _paths("set-id", "files that give rights", "remove the bits in the step that brings them", lambda i: i.setid),
    _paths("caches", "files of the build stay", "remove them in the same step", lambda i: i.caches),
    _paths(
        "host-keys", "SSH host keys, the same for everybody", "make them when the server starts", lambda i: i.host_keys
    ),
    _paths("private-keys", "private keys", "mount them when the job starts", lambda i: i.private_keys),
    _paths("passwords", "users with a password", "let nobody log in by password", lambda i: i.passwords),
    _paths("driver", "a driver of its own", "the host brings libcuda", lambda i: i.drivers),
)
