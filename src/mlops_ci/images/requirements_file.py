"""The user's requirements file: the files that belong to it, and what it may not ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlops_ci.errors import UsageError

INCLUDE = re.compile(r"(?:-[rc]\s*=?\s*|--(?:requirement|constraint)(?:\s+|=))(?P<path>\S+)")
LOCAL = re.compile(r"(?:-e|--editable)\b|\.{0,2}/|\.$|file:|[\w.-]+\s*(?:\[[^\]]*\])?\s*@\s*(?:file:|\.{0,2}/)")
CONDA = re.compile(r"\.ya?ml$|(^|/)(environment|conda-lock)\b")
OPTION = re.compile(r"\s--?\w[\w-]*")


class RequirementsFileError(UsageError):
    """The requirements file cannot be used as it is."""


@dataclass(frozen=True, kw_only=True)
class RequirementsFile:
    """The requirements file and all that it includes: `files` are paths relative to the project's root."""

    main: str
    files: tuple[str, ...]
    names: frozenset[str]


def read(name: str, *, root: Path, torch: str, where: str) -> RequirementsFile:
    """Read `name` (relative to `root`); `torch` is the version in the layers below, `where` names the setting.

    Raises `RequirementsFileError` with file and line for a file that is missing or outside the project, a local
    package, a line that is no requirement, and a PyTorch other than `torch`.
    """
    if CONDA.search(name):
        raise RequirementsFileError(
            f"{where}: {name} is an environment of conda, which is not supported",
            hint="name pip's packages in a requirements.txt (`pip list --format freeze`), Debian's in [image] apt; "
            "what only conda has can be installed in your own Dockerfile: [image] dockerfile",
        )
    files: dict[str, None] = {}
    names: set[str] = set()
    pending = [((root / name), where)]
    while pending:
        path, asked_by = pending.pop()
        relative = _inside(path, root, asked_by)
        if relative in files:
            continue
        files[relative] = None
        for number, line in lines_of(_text(path, relative, asked_by)):
            place = f"{relative}:{number}"
            include = INCLUDE.match(line)
            if include:
                if "://" not in include["path"]:
                    pending.append((path.parent / include["path"], place))
            elif LOCAL.match(line):
                raise RequirementsFileError(
                    f"{place}: `{line}` is a local package, which a layer made from the requirements alone cannot hold",
                    hint="your repository's files are in the job's working directory anyway; for a package that must "
                    "be installed use [image] dockerfile",
                )
            elif not line.startswith("-"):
                names.add(_requirement(line, place, torch))
    return RequirementsFile(main=_inside(root / name, root, where), files=tuple(files), names=frozenset(names))


def _requirement(line: str, place: str, torch: str) -> str:
    """The normal name of the distribution that a line asks for."""
    try:
        found = Requirement(OPTION.split(line, maxsplit=1)[0].strip())
    except InvalidRequirement as error:
        if re.match(r"(?:git\+|https?:)", line):
            return ""
        raise RequirementsFileError(
            f"{place}: `{line}` is no requirement: {str(error).splitlines()[0]}", hint="write it as pip understands it"
        ) from error
    name = canonicalize_name(found.name)
    if name == "torch" and (found.url or not found.specifier.contains(torch, prereleases=True)):
        raise RequirementsFileError(
            f"{place}: `{line}` asks for another PyTorch than the layer below has ({torch})",
            hint="leave the version to [image] torch in mlops.toml, and write `torch` without one here",
        )
    return name


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """(number of its first line, text) of every line that says something; continued lines are joined."""
    joined, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        start = start if joined else number
        line = re.sub(r"(?:^|\s)#.*$", "", raw).strip()
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        joined += line
        if joined.strip():
            yield start, joined.strip()
        joined = ""
    if joined.strip():
        yield start, joined.strip()


def _inside(path: Path, root: Path, asked_by: str) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise RequirementsFileError(
            f"{asked_by}: {path} lies outside the project", hint="keep requirements files in the repository"
        ) from error


def text_of(path: Path) -> str:
    """The text of a requirements file; raises `ValueError` with the reason why it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is no UTF-8 text") from error
    except OSError as error:
        raise ValueError(error.strerror) from error


def _text(path: Path, relative: str, asked_by: str) -> str:
    try:
        return text_of(path)
    except ValueError as error:
        raise RequirementsFileError(
            f"{asked_by}: the requirements file {relative} cannot be read: {error}", hint="check the path"
        ) from error
