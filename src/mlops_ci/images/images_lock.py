"""`images.lock` in the user's repository: what was built of it, by reference, digest, content key and inputs.

It is written where it exists (`mlops-ci images lock` makes it), and belongs under version control.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.errors import GateError, UsageError
from mlops_ci.files import write_atomic
from mlops_ci.images import differences
from mlops_ci.images.plan import LayerPlan
from mlops_ci.registry.reference import parse

NAME = "images.lock"
SCHEMA = "mlops-ci/images-lock/1"
HEAD = "# What mlops-ci built of this repository. `mlops-ci images lock` and the stage build write it.\n"


class ImagesLockError(UsageError):
    """`images.lock` cannot be used."""


class LockedDigestError(GateError):
    """The registry has another image under a content key than the one that `images.lock` records."""


@dataclass(frozen=True, kw_only=True)
class LockedImage:
    """One image that was built."""

    ref: str
    digest: str
    content_key: str
    inputs: Mapping[str, str] = field(default_factory=dict)


Locked = Mapping[str, LockedImage]


def key(engine: str, variant: str, layer: str) -> str:
    """The name of an image in the lock."""
    return f"{engine}/{variant}/{layer}"


def read(root: Path) -> dict[str, LockedImage] | None:
    """The lock; None where there is none. Raises `ImagesLockError`."""
    path = root / NAME
    if not path.is_file():
        return None
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r}, expected {SCHEMA!r}")
        return {name: LockedImage(**table) for name, table in data.get("images", {}).items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImagesLockError(
            f"{NAME} cannot be used: {error}",
            hint="take it from version control again, or delete it and run `mlops-ci images lock`",
        ) from error


def write(root: Path, images: Locked) -> None:
    """Write the lock; a reader never sees half of it."""
    write_atomic(root / NAME, text(images))


def text(images: Locked) -> str:
    """The text of a lock."""
    lines = [HEAD, f"schema = {json.dumps(SCHEMA)}"]
    for name, image in sorted(images.items()):
        lines += ["", f"[images.{json.dumps(name)}]"]
        lines += [f"{one} = {json.dumps(getattr(image, one))}" for one in ("ref", "digest", "content_key")]
        lines += [f"[images.{json.dumps(name)}.inputs]"]
        lines += [f"{json.dumps(one)} = {json.dumps(value)}" for one, value in sorted(image.inputs.items())]
    return "\n".join(lines) + "\n"


def entry(plan: LayerPlan, *, ref: str, digest: str) -> LockedImage:
    """What the lock says of an image that exists."""
    return LockedImage(ref=ref, digest=digest, content_key=plan.content_key, inputs=differences.inputs(plan.document))


def compare(locked: Locked, plans: Iterable[LayerPlan], *, engine: str, variant: str) -> tuple[str, ...]:
    """How what is planned differs from what is locked, a line for each image.

    Raises `LockedDigestError` when a registry has another image under a locked key: somebody replaced it.
    """
    lines = []
    for plan in plans:
        known = locked.get(key(engine, variant, plan.name))
        if known is None:
            lines.append(f"{NAME}: {plan.name} in {variant} is not locked yet")
            continue
        if known.content_key != plan.content_key:
            changed = differences.changes(known.inputs, differences.inputs(plan.document))
            lines.append(f"{NAME}: {plan.name} differs from what was built: {changed[0] if changed else 'its key'}")
            continue
        _check_digest(known, plan)
    return tuple(lines)


def _check_digest(known: LockedImage, plan: LayerPlan) -> None:
    """Only a registry's digest is comparable: two engines that build one key may differ in bytes."""
    if plan.found is None or known.ref != plan.ref or parse(plan.ref).host is None:
        return
    if known.digest != plan.found.digest:
        raise LockedDigestError(
            f"the registry has {plan.found.digest} as {plan.ref}, and {NAME} records {known.digest}",
            hint="a tag made from a content key never moves by itself: find out who replaced it. When that was right, "
            "run `mlops-ci images lock`",
        )
