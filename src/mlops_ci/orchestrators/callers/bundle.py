"""Where a caller finds the bundle: the repository and the release or commit that this very tool came from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mlops_ci.errors import UsageError
from mlops_ci.version import UNKNOWN, version

REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
COMMIT = re.compile(r"[0-9a-f]{40}")
RELEASE = re.compile(r"v?\d+(?:\.\d+)*(?:[-+.]?[0-9A-Za-z.]+)?")


class BundleError(UsageError):
    """The name of a bundle cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """`tag` is the release that a commit belongs to, where that is known."""

    repository: str
    ref: str
    tag: str = ""

    @property
    def remark(self) -> str:
        """The release of a commit, as a comment."""
        return f" # {self.tag}" if self.tag and self.tag != self.ref else ""


def release() -> str:
    """The tag of this version."""
    return f"v{version()}"


def is_pinned(ref: str) -> bool:
    """Whether it names a commit or a release, and no branch."""
    return bool(COMMIT.fullmatch(ref) or RELEASE.fullmatch(ref.removeprefix("refs/tags/")))


def bundle(given: str | None, *, otherwise: str) -> Bundle:
    """The bundle that `ORG/REPO[@REF]` names; what is not said is where this tool was installed from, else the
    repository `otherwise` and the tag of this version. Raises `BundleError`.
    """
    if given is None:
        if (installed := _installed()) is not None:
            return installed
        if version() == UNKNOWN:
            raise BundleError("nobody knows which release this tool is of", hint="say it: --bundle ORG/REPO@REF")
        return Bundle(repository=otherwise, ref=release())
    repository, _, ref = given.partition("@")
    if not REPOSITORY.fullmatch(repository) or (ref and not REF.fullmatch(ref)) or given.endswith("@"):
        raise BundleError(f"--bundle is {given!r}", hint="write ORG/REPO@REF: ml/mlops-ci@v1.2.0, or a commit as REF")
    return Bundle(repository=repository, ref=ref or release())


def _installed() -> Bundle | None:
    """What pip noted when it installed from a git repository (PEP 610)."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        noted = json.loads(distribution("mlops-ci").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    return of_direct_url(noted)


def of_direct_url(noted: object) -> Bundle | None:
    """The bundle of a `direct_url.json`, if that says a repository and a commit."""
    facts = noted if isinstance(noted, dict) else {}
    commit = (facts.get("vcs_info") or {}).get("commit_id", "")
    path = re.sub(r"^[a-z+]+://[^/]+/|\.git$", "", str(facts.get("url", "")))
    if not COMMIT.fullmatch(commit) or not REPOSITORY.fullmatch(path):
        return None
    return Bundle(repository=path, ref=commit, tag=release())
