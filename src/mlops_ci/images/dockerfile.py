"""The user's own Dockerfile: is it built on our layer, what does it copy, and which images of others does it use."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import UsageError
from mlops_ci.images.dockerfile_rules import check_arguments, check_moving

BASE = re.compile(r"\$(?:\{BASE_IMAGE\}|BASE_IMAGE)")
HEREDOC = re.compile(r"(?:^|\s)\d*<<-?([\"']?)(\w+)\1(?=\s|$)")
MOUNT_FROM = re.compile(r"(?:^|,)from=([^,]+)")
MOUNT_SOURCE = re.compile(r"(?:^|,)(?:source|src)=([^,]+)")
EXAMPLE = "begin it with `ARG BASE_IMAGE` and `FROM ${BASE_IMAGE}`: mlops-ci passes the layer below in that argument"


class DockerfileBaseError(UsageError):
    """`[image] dockerfile` is not built on the layer that the settings choose."""


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction; `text` is what follows the keyword, lines joined; `line` counts from 1."""

    keyword: str
    text: str
    line: int

    @property
    def flags(self) -> dict[str, list[str]]:
        """The `--name=value` words at the start."""
        found: dict[str, list[str]] = {}
        for word in self.text.split():
            if not word.startswith("--"):
                break
            name, _, value = word[2:].partition("=")
            found.setdefault(name, []).append(value)
        return found

    @property
    def rest(self) -> str:
        """The text after the flags."""
        return re.sub(r"^(?:--\S+\s+)+", "", self.text)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One FROM and what follows it. `name` is the empty text for a stage without a name."""

    image: str
    name: str
    line: int
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """A checked Dockerfile.

    `copies` are the paths of the build context that it reads, None when that can't be told; `externals` the images of
    others that it uses, with the line.
    """

    path: Path
    copies: tuple[str, ...] | None
    externals: tuple[tuple[str, int], ...]


def read(path: Path, *, shown: str) -> Dockerfile:
    """Check the Dockerfile; `shown` is its name in messages.

    Raises, with file and line, `DockerfileBaseError`, `BuildArgumentError` and `MovingTagError`.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DockerfileBaseError(
            f"[image] dockerfile: {shown} cannot be read: {error.strerror}", hint="check the path in mlops.toml"
        ) from error
    found = tuple(instructions(text))
    head, stages = _stages(found)
    _check(head, stages, shown)
    check_arguments(found, shown)
    externals = tuple(_externals(stages))
    for image, line in externals:
        check_moving(image, f"{shown}:{line}")
    return Dockerfile(path=path, copies=_copies(stages), externals=externals)


def pinned(text: str, externals: Mapping[tuple[str, int], str]) -> str:
    """The text with images of others by their digests: what was looked at is what is built from.

    `externals` are digests by image and line.
    """
    lines = text.splitlines(keepends=True)
    for (image, line), digest in externals.items():
        name = re.compile(rf"(?<![\w./:@-]){re.escape(image)}(?![\w./:@-])")
        for index in range(line - 1, len(lines)):
            lines[index], count = name.subn(f"{image}@{digest}", lines[index], count=1)
            if count:
                break
    return "".join(lines)


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile: comments dropped, continued lines joined, here-documents passed over."""
    lines = text.splitlines()
    escape = "`" if re.match(r"#\s*escape\s*=\s*`", text, re.IGNORECASE) else "\\"
    number = 0
    while number < len(lines):
        start, joined = number + 1, ""
        while number < len(lines):
            line = lines[number].strip()
            number += 1
            if not line or line.startswith("#"):
                if joined:
                    continue
                break
            joined += line.removesuffix(escape) if line.endswith(escape) else line
            if not line.endswith(escape):
                break
        if not joined:
            continue
        keyword, _, rest = joined.partition(" ")
        if keyword.upper() in ("RUN", "COPY", "ADD"):
            for _, word in HEREDOC.findall(rest):
                end = next((at for at in range(number, len(lines)) if lines[at].strip() == word), number - 1)
                number = end + 1
        yield Instruction(keyword=keyword.upper(), text=rest.strip(), line=start)


def _stages(found: tuple[Instruction, ...]) -> tuple[tuple[Instruction, ...], tuple[Stage, ...]]:
    """What stands before the first FROM, and the stages."""
    starts = [index for index, instruction in enumerate(found) if instruction.keyword == "FROM"]
    if not starts:
        return found, ()
    stages = []
    for index, end in zip(starts, [*starts[1:], len(found)], strict=True):
        words = found[index].rest.split()
        name = words[2].lower() if len(words) == 3 and words[1].upper() == "AS" else ""
        stages.append(
            Stage(
                image=words[0] if words else "",
                name=name,
                line=found[index].line,
                instructions=found[index + 1 : end],
            )
        )
    return found[: starts[0]], tuple(stages)


def _check(head: tuple[Instruction, ...], stages: tuple[Stage, ...], shown: str) -> None:
    if not stages:
        raise DockerfileBaseError(f"{shown}:1: the Dockerfile has no FROM", hint=EXAMPLE)
    declared = any(line.keyword == "ARG" and line.text.partition("=")[0].strip() == "BASE_IMAGE" for line in head)
    if not declared:
        line = head[0].line if head else stages[0].line
        raise DockerfileBaseError(f"{shown}:{line}: no `ARG BASE_IMAGE` stands before the first FROM", hint=EXAMPLE)
    last = stages[-1]
    below = _bottom(stages)
    if not BASE.fullmatch(below):
        raise DockerfileBaseError(
            f"{shown}:{last.line}: the last stage is built on `{below}`, not on ${{BASE_IMAGE}}", hint=EXAMPLE
        )


def _bottom(stages: tuple[Stage, ...]) -> str:
    """The image at the bottom of the last stage."""
    image = stages[-1].image
    for stage in reversed(stages[:-1]):
        if stage.name and stage.name == image.lower():
            image = stage.image
    return image


def _copies(stages: tuple[Stage, ...]) -> tuple[str, ...] | None:
    found: list[str] = []
    for stage in stages:
        for instruction in stage.instructions:
            if instruction.keyword in ("COPY", "ADD") and "from" not in instruction.flags:
                sources = _sources(instruction.rest)
                if sources is None:
                    return None
                found += [source for source in sources if "://" not in source]
            for mount in instruction.flags.get("mount", ()) if instruction.keyword == "RUN" else ():
                if "type=bind" in mount.split(",") and not MOUNT_FROM.search(mount):
                    source = MOUNT_SOURCE.search(mount)
                    found.append(source[1] if source else ".")
    return None if any("$" in source for source in found) else tuple(found)


def _sources(text: str) -> list[str] | None:
    """The sources of a COPY or ADD: all words but the last; None when they can't be told."""
    if "<<" in text:
        return []
    try:
        words = json.loads(text) if text.startswith("[") else shlex.split(text)
    except ValueError:
        return None
    return [str(word) for word in words[:-1]] if len(words) > 1 else None


def _externals(stages: tuple[Stage, ...]) -> Iterator[tuple[str, int]]:
    """Images that are neither ours, nor a stage, nor pinned by a digest."""
    names = {stage.name for stage in stages if stage.name} | {str(index) for index in range(len(stages))}
    for stage in stages:
        used = [(stage.image, stage.line)]
        for instruction in stage.instructions:
            if instruction.keyword in ("COPY", "ADD"):
                used += [(image, instruction.line) for image in instruction.flags.get("from", ())]
            elif instruction.keyword == "RUN":
                mounts = instruction.flags.get("mount", ())
                used += [(match[1], instruction.line) for mount in mounts if (match := MOUNT_FROM.search(mount))]
        for image, line in used:
            known = image.lower() in names or image == "scratch" or BASE.fullmatch(image)
            if not known and "@sha256:" not in image:
                yield image, line
