"""Profiles of sites: names, runner labels, mirrors and what their server can do."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from mlops_ci.errors import UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.called import Handover, Images
from mlops_ci.orchestrators.database_job import DATABASES, Database
from mlops_ci.orchestrators.labels import labels
from mlops_ci.orchestrators.signing import HOWS, How
from mlops_ci.orchestrators.together import IMAGES
from mlops_ci.resources import read_toml

REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
REF = re.compile(r"[A-Za-z0-9_./-]+")
REGISTRY = re.compile(r"(?:[a-z0-9.-]+(?::\d+)?)?")
OWNER = re.compile(r"[A-Za-z0-9_.-]*")


class ProfileError(UsageError):
    """A profile of rendering cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """A third-party action, pinned."""

    repository: str
    commit: str
    tag: str

    @property
    def uses(self) -> str:
        """As it stands behind `uses:`, with its release as a comment."""
        return f"{self.repository}@{self.commit} # {self.tag}"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """See `resources/github.toml` for the keys."""

    repository: str
    ref: str
    plan_runner: str
    hosted_plan: bool
    cpu_runner: str
    gpu_runner: str
    mirror: str
    artifacts: Literal[3, 4]
    knows_itself: bool
    engine: str
    registry: str
    retention: int
    handover: Handover
    signing: How
    images: Images
    database: Database

    def action(self, name: str) -> Action:
        """The pinned action, such as `checkout` or `upload-sarif`, from the site's mirror if it has one.

        An older artifact service has its own.
        """
        pins = read_toml("github.toml")["actions"]
        pin = pins[f"{name}-3" if self.artifacts == 3 and f"{name}-3" in pins else name]
        repository = pin["repository"]
        if self.mirror:
            repository = f"{self.mirror}/{repository.partition('/')[2]}"
        return Action(repository=repository, commit=pin["commit"], tag=pin["tag"])


def load_profile(name: str) -> Profile:
    """The built-in profile of that name, or the one in a TOML file. Raises `ProfileError`."""
    known: dict[str, dict[str, Any]] = read_toml("github.toml")["profiles"]
    if name in known:
        return _profile(name, _extended(known[name], known, name))
    path = Path(name)
    if path.suffix != ".toml":
        raise ProfileError(
            f"there is no profile `{name}`{did_you_mean(name, known)}",
            hint=f"profiles: {', '.join(known)}, or a file FILE.toml with the keys that differ",
        )
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}", hint="write it as TOML, one key per line") from error
    return _profile(name, _extended({"extends": "default", **own}, known, name))


def _extended(own: dict[str, Any], known: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    above = own.get("extends")
    if above is None:
        return own
    if above not in known:
        raise ProfileError(f"{name}: extends `{above}`, which there is not", hint=f"profiles: {', '.join(known)}")
    rest = {key: value for key, value in own.items() if key != "extends"}
    return {**_extended(known[above], known, above), **rest}


def _profile(name: str, values: dict[str, Any]) -> Profile:
    kinds = {field.name.replace("_", "-"): str(field.type) for field in fields(Profile)}
    unknown = sorted(set(values) - set(kinds))
    if unknown:
        raise ProfileError(
            f"{name}: there is no key `{unknown[0]}`{did_you_mean(unknown[0], kinds)}", hint=f"keys: {', '.join(kinds)}"
        )
    wanted: dict[str, type] = {"str": str, "bool": bool, "int": int}
    for key, value in values.items():
        kind = wanted.get(kinds[key], str if key in ("handover", "signing", "images", "database") else int)
        if type(value) is not kind:
            raise ProfileError(f"{name}: {key} is {value!r}, not a {kind.__name__}", hint="see resources/github.toml")
    profile = Profile(**{key.replace("-", "_"): value for key, value in values.items()})
    _check(name, profile)
    return profile


def _check(name: str, profile: Profile) -> None:
    """What lands in a file of YAML must not be able to be anything but a value."""
    for key, value, form in (
        ("repository", profile.repository, REPOSITORY),
        ("ref", profile.ref, REF),
        ("mirror", profile.mirror, OWNER),
        ("registry", profile.registry, REGISTRY),
    ):
        if not form.fullmatch(value):
            raise ProfileError(f"{name}: {key} is {value!r}", hint=f"it must look like {form.pattern}")
    if profile.artifacts not in (3, 4):
        raise ProfileError(f"{name}: artifacts is {profile.artifacts}", hint="4, or 3 on GitHub Enterprise Server")
    for key, word, known, hint in (
        ("engine", profile.engine, ("docker", "host", "inside"), "docker, host or inside"),
        ("handover", profile.handover, ("artifact", "store"), "artifact, or store for the object store"),
        ("signing", profile.signing, HOWS, "key, or keyless"),
        ("images", profile.images, IMAGES, "registry, or one-job where there is none"),
        ("database", profile.database, DATABASES, "scan, or job where it asks for a login"),
    ):
        if word not in known:
            raise ProfileError(f"{name}: {key} is {word!r}", hint=hint)
    for key, text in (("plan", profile.plan_runner), ("cpu", profile.cpu_runner), ("gpu", profile.gpu_runner)):
        if text or key == "plan":
            for label in labels(text, where=f"{name}: {key}-runner"):
                if not re.fullmatch(r"[A-Za-z0-9_.-]+", label):
                    raise ProfileError(f"{name}: {key}-runner has the label {label!r}", hint="letters, digits, - _ .")
