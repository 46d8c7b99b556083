"""Profiles of sites: where the bundle lies, the image of the jobs, the tags of the runners, what the server knows."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.called import Handover, Images
from mlops_ci.orchestrators.database_job import DATABASES, Database
from mlops_ci.orchestrators.signing import HOWS, How
from mlops_ci.orchestrators.together import IMAGES
from mlops_ci.resources import read_toml
from mlops_ci.version import version

TABLE = "gitlab.toml"
DEFAULT = "default"
PROJECT = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+")
ENGINES = ("docker", "host", "inside")


class GitlabProfileError(UsageError):
    """A profile of rendering for GitLab cannot be used."""


@dataclass(frozen=True, kw_only=True)
class GitLabProfile:
    """See `resources/gitlab.toml` for the keys."""

    repository: str
    server: str
    release: str
    image: str
    plan_tags: tuple[str, ...]
    cpu_tags: tuple[str, ...]
    gpu_tags: tuple[str, ...]
    engine: str
    retention: str
    components: bool
    handover: Handover
    signing: How
    images: Images
    database: Database

    @property
    def bundle(self) -> str:
        """Where git finds the bundle."""
        return f"{self.server}/{self.repository}.git"

    @property
    def tag(self) -> str:
        """The release that the files belong to."""
        return self.release or f"v{version()}"

    def tags(self, runner: str) -> tuple[str, ...]:
        """The tags of a class of runners: plan, cpu or gpu."""
        return {"plan": self.plan_tags, "cpu": self.cpu_tags, "gpu": self.gpu_tags}[runner]


def profile_names() -> tuple[str, ...]:
    """The names of the built-in profiles, the default first."""
    return tuple(read_toml(TABLE)["profiles"])


def load_profile(name: str = DEFAULT) -> GitLabProfile:
    """The built-in profile of that name, or the one in a TOML file. Raises `GitlabProfileError`."""
    known: dict[str, dict[str, Any]] = read_toml(TABLE)["profiles"]
    own = known[name] if name in known else _read(name, known)
    return _profile(name, _extended(own, known, name), known[DEFAULT])


def _read(name: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    path = Path(name)
    if path.suffix != ".toml":
        raise GitlabProfileError(
            f"there is no profile `{name}`{did_you_mean(name, known)}",
            hint=f"profiles: {', '.join(known)}, or a file FILE.toml with the keys that differ",
        )
    try:
        return {"extends": DEFAULT, **tomllib.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError) as error:
        raise GitlabProfileError(f"{path}: cannot be read: {error}", hint="write it as TOML, a key per line") from error


def _extended(own: dict[str, Any], known: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    above = own.get("extends")
    if above is None:
        return own
    if above not in known:
        raise GitlabProfileError(f"{name}: extends `{above}`, which there is not", hint=f"profiles: {', '.join(known)}")
    rest = {key: value for key, value in own.items() if key != "extends"}
    return {**_extended(known[above], known, above), **rest}


def _profile(name: str, values: dict[str, Any], pattern: dict[str, Any]) -> GitLabProfile:
    for key, value in values.items():
        if key not in pattern:
            raise GitlabProfileError(
                f"{name}: there is no key `{key}`{did_you_mean(key, pattern)}", hint=f"keys: {', '.join(pattern)}"
            )
        if type(value) is not type(pattern[key]):
            wanted = type(pattern[key]).__name__
            raise GitlabProfileError(f"{name}: {key} is {value!r}, not a {wanted}", hint=f"see resources/{TABLE}")
        if isinstance(value, list) and not (value and all(isinstance(one, str) and one for one in value)):
            raise GitlabProfileError(f"{name}: {key} is {value!r}, not a list of tags", hint="name one tag or more")
    if not PROJECT.fullmatch(values["repository"]):
        raise GitlabProfileError(f"{name}: repository is {values['repository']!r}", hint="write it as group/project")
    for key, known, hint in (
        ("engine", ENGINES, f"one of {', '.join(ENGINES)}"),
        ("handover", ("artifact", "store"), "artifact, or store for the object store"),
        ("signing", HOWS, "key, or keyless"),
        ("images", IMAGES, "registry, or one-job where there is none"),
        ("database", DATABASES, "scan, or job where it asks for a login"),
    ):
        if values[key] not in known:
            raise GitlabProfileError(f"{name}: {key} is {values[key]!r}", hint=hint)
    fields: dict[str, Any] = {
        key.replace("-", "_"): tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return GitLabProfile(**fields)
