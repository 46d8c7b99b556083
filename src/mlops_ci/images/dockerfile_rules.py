"""What a user's Dockerfile may not leave open: build arguments that nobody sets, images of others by a moving name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from mlops_ci.errors import UsageError
from mlops_ci.registry.reference import parse

# Set by the builder itself (Dockerfile reference: "Predefined ARGs", "BuildKit built-in build args") or by us.
GIVEN = re.compile(
    r"BASE_IMAGE|(?:https?|ftp|no|all)_proxy|(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)|TARGETSTAGE"
    r"|BUILDKIT_\w+|SOURCE_DATE_EPOCH",
    re.IGNORECASE,
)
MOVING = "latest"


class BuildArgumentError(UsageError):
    """The user's Dockerfile needs a build argument that nobody sets."""


class MovingTagError(UsageError):
    """An image is named by `latest`, or by no tag, which is the same: tomorrow that is another one."""


class _Line(Protocol):
    @property
    def keyword(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def line(self) -> int: ...


def check_arguments(found: Iterable[_Line], shown: str) -> None:
    """Raises `BuildArgumentError` for an ARG without a default that is used."""
    lines = tuple(found)
    defaults = {name for one in lines for name, default in _declared(one) if default is not None}
    for index, one in enumerate(lines):
        for name, default in _declared(one):
            if default is not None or name in defaults or GIVEN.fullmatch(name):
                continue
            use = re.compile(rf"\$(?:{name}\b|\{{{name}\}})")
            used = next((later for later in lines[index + 1 :] if use.search(later.text)), None)
            if used is not None:
                raise BuildArgumentError(
                    f"{shown}:{one.line}: the build argument `{name}` has no default, and line {used.line} uses it: "
                    "nobody sets it",
                    hint=f"give it one (`ARG {name}=VALUE`): what an image is made from stands in the repository",
                )


def _declared(line: _Line) -> Iterator[tuple[str, str | None]]:
    if line.keyword == "ARG":
        for word in line.text.split():
            name, equals, default = word.partition("=")
            if re.fullmatch(r"\w+", name):
                yield name, default if equals else None


def check_moving(image: str, where: str) -> None:
    """Raises `MovingTagError` for `latest` and for no tag at all; `where` names the place."""
    if "$" in image:
        return
    reference = parse(image)
    if reference.digest is None and reference.tag in (None, MOVING):
        said = "the tag `latest`" if reference.tag else "no tag, which means `latest`"
        raise MovingTagError(
            f"{where}: `{image}` has {said}: tomorrow that is another image",
            hint="name a version, better with its digest: NAME:TAG@sha256:...",
        )
