"""What lets findings of the scan pass: waivers and VEX documents, of a pull request those of its base commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.config.errors import ConfigError, Problem
from mlops_ci.config.guard import NOT_SET, SHORT, Base
from mlops_ci.config.waivers import read_waivers
from mlops_ci.files import digest_of
from mlops_ci.settings.governance import Change
from mlops_ci.settings.waivers import WAIVERS_FILE, Exceptions, VexFile, Waiver

Read = Callable[[Path], bytes | None]
LARGEST_BYTES = 8 << 20


@dataclass(frozen=True, kw_only=True)
class Excepted:
    """What holds, what is wrong with the files that are here, and what a pull request would change."""

    exceptions: Exceptions
    problems: tuple[Problem, ...] = ()
    changes: tuple[Change, ...] = ()
    notice: str = ""


def exceptions(root: Path, *, vex: Sequence[str], own_vex: Sequence[str], base: Base | None) -> Excepted:
    """Read the waivers and the VEX documents: `vex` those in force, `own_vex` those that the file itself names.

    The files of a change must be good too: they are what holds after the merge.
    """
    own, problems = _read(root, own_vex, _here)
    if base is None:
        return Excepted(exceptions=own, problems=tuple(problems))
    held, wrong = _read(root, vex, base.read)
    notice = f"{wrong[0]} at {base.commit[:SHORT]}: it lets nothing pass" if wrong else ""
    return Excepted(exceptions=held, problems=tuple(problems), changes=tuple(_changes(held, own)), notice=notice)


def _here(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""
    except OSError:
        return None


def _read(root: Path, vex: Sequence[str], read: Read) -> tuple[Exceptions, list[Problem]]:
    problems: list[Problem] = []
    waivers: tuple[Waiver, ...] = ()
    data = read(root / WAIVERS_FILE)
    if data is not None:
        try:
            waivers = read_waivers(data, WAIVERS_FILE)
        except ConfigError as error:
            problems += error.problems
    documents = []
    for name in vex:
        fault, text = _document(root, name, read)
        if fault:
            problems.append(Problem(where=name, message=fault, file=name))
        else:
            documents.append(VexFile(name=name, text=text))
    return Exceptions(waivers=waivers, vex=tuple(documents)), problems


def _document(root: Path, name: str, read: Read) -> tuple[str, str]:
    """What is wrong with a VEX document, else its text."""
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        return "[scan] vex: a VEX document lies beside the configuration or below it", ""
    data = read(path)
    if data is None:
        return "[scan] vex: there is no such file", ""
    try:
        document = json.loads(data)
    except ValueError as error:
        return f"[scan] vex: no JSON: {error}", ""
    if not isinstance(document, dict) or not (_is_openvex(document) or _is_cyclonedx(document)):
        return "[scan] vex: neither OpenVEX (`@context`, `statements`) nor CycloneDX with `vulnerabilities`", ""
    return "", data.decode()


def _is_openvex(document: dict[str, object]) -> bool:
    return "openvex" in str(document.get("@context")) and isinstance(document.get("statements"), list)


def _is_cyclonedx(document: dict[str, object]) -> bool:
    return document.get("bomFormat") == "CycloneDX" and isinstance(document.get("vulnerabilities"), list)


def _changes(before: Exceptions, after: Exceptions) -> Iterator[Change]:
    was, now = ({_words(one) for one in both.waivers} for both in (before, after))
    if was != now:
        yield _change(WAIVERS_FILE, ", ".join(sorted(was - now)) or "-", ", ".join(sorted(now - was)) or "-")
    old, new = ({one.name: digest_of(one.text)[:SHORT] for one in both.vex} for both in (before, after))
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield _change(name, old.get(name, NOT_SET), new.get(name, NOT_SET))


def _words(waiver: Waiver) -> str:
    return f"{waiver.named} until {waiver.expires}"


def _change(name: str, before: str, after: str) -> Change:
    return Change(key=name, before=before, after=after, where=name, in_force=False)
