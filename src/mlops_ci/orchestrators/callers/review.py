"""The review of a repository's files for a CI system: every finding, and what the role at AWS must look like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mlops_ci.orchestrators.beside import NAME as CANARY
from mlops_ci.orchestrators.callers import github_checks, gitlab_checks, policies
from mlops_ci.orchestrators.callers.configuration import Given, Stores, configured
from mlops_ci.orchestrators.callers.finding import Finding, in_order
from mlops_ci.orchestrators.callers.github_call import FOLDER, Call, calls
from mlops_ci.orchestrators.callers.gitlab_include import NAME, Include, includes
from mlops_ci.orchestrators.callers.origin import Origin
from mlops_ci.orchestrators.callers.values import ROLE
from mlops_ci.orchestrators.callers.yaml_tree import Tree
from mlops_ci.orchestrators.gitlab.inputs import AUTO, ROLE_HANDOVER

Provider = Literal["github", "gitlab"]
MODES = (None, "pr", "main", "nightly")
NIGHTLY = "nightly"
KEYS = ("aws-access-key-id", "aws-secret-access-key")
SERVER = "$CI_SERVER_URL"


@dataclass(frozen=True, kw_only=True)
class Policies:
    """Of the role that a pipeline assumes. `reading` is that of the jobs that only read, where they have their own.

    `handover` is that by which all jobs hand the run on, where they do so through the store.
    """

    trust: dict[str, Any]
    permissions: dict[str, Any]
    reading: Policies | None = None
    handover: Policies | None = None


@dataclass(frozen=True, kw_only=True)
class Review:
    """`calls` is how many calls of the bundle there are; `files` those that were looked at for them."""

    provider: Provider
    findings: tuple[Finding, ...]
    calls: int
    files: tuple[str, ...]
    policies: Policies | None

    @property
    def refused(self) -> bool:
        """Whether something is wrong."""
        return any(one.level == "error" for one in self.findings)


def review_github(root: Path, known: str, origin: Origin) -> Review:
    """Look at all workflows that call the bundle."""
    found: list[Finding] = []
    all_calls = calls(root, known, found.append)
    if not all_calls and not found:
        found.append(_none(FOLDER, "no workflow calls the bundle", "github"))
    stores, role, reading = Stores(), "", ""
    for call in all_calls:
        found += github_checks.check(call)
        one = _configured(call, call.job.line_of("with"), root, found) if call.interface.store_jobs else Stores()
        stores, role = stores or one, role or _role(call.value("aws-role"))
        reading = reading or _role(call.value("aws-role-read"))
        found += _credentials(call, one)
    for file in dict.fromkeys(call.file for call in all_calls):
        found += github_checks.together([call for call in all_calls if call.file == file])
    repository = origin.path or "OWNER/REPOSITORY"
    made = _policies(stores, role, policies.github_identity(repository, origin.branch))
    readers = policies.github_readers(repository, origin.branch)
    if made is not None:
        made = replace(
            made,
            reading=_policies(stores, reading, readers, only_reads=True),
            handover=_handover(stores, all_calls, readers),
        )
    files = dict.fromkeys(call.file for call in all_calls)
    return _review("github", found, len(all_calls), files, made)


def review_gitlab(root: Path, known: str, origin: Origin) -> Review:
    """Look at `.gitlab-ci.yml`, and what it includes of the repository itself."""
    found: list[Finding] = []
    all_includes = includes(root, known, found.append)
    if not all_includes and not found:
        found.append(_none(NAME, _not_included(root), "gitlab"))
    stores, role, audience = Stores(), "", SERVER
    for one in all_includes:
        found += gitlab_checks.check(one)
        here = _configured(one, one.entry.line, root, found)
        found += _canary(one, here)
        stores = stores or here
        role = role or _role(one.value("aws-role"))
        audience = _text(one.value("aws-audience")) or audience
    found += gitlab_checks.together(all_includes)
    server = origin.server or "gitlab.example.com"
    identity = policies.gitlab_identity(
        server, origin.path or "GROUP/PROJECT", origin.branch, audience.replace(SERVER, f"https://{server}")
    )
    made = _policies(stores, role, identity)
    if made is not None:
        made = replace(made, handover=_handover(stores, all_includes, identity))
    files = dict.fromkeys(one.file for one in all_includes)
    return _review("gitlab", found, len(all_includes), files, made)


def _review(
    provider: Provider, found: list[Finding], count: int, files: Iterable[str], made: Policies | None
) -> Review:
    return Review(provider=provider, findings=in_order(found), calls=count, files=tuple(files), policies=made)


def _not_included(root: Path) -> str:
    return "it does not include the bundle" if (root / NAME).exists() else "there is no such file"


def _none(file: str, message: str, provider: Provider) -> Finding:
    fix = f"`mlops-ci init --provider {provider}` writes one; --bundle ORG/REPO names a copy under another name"
    return Finding(level="error", file=file, line=0, message=message, fix=fix)


def _configured(one: Call | Include, line: int, root: Path, found: list[Finding]) -> Stores:
    mode = one.value("mode")
    automatic = isinstance(one, Include) and mode is not None and mode.value == AUTO
    given = Given(
        file=one.file,
        line=line,
        config=one.value("config"),
        mode=None if automatic else mode,
        settings=one.value("settings"),
    )
    return configured(given, root, MODES, found.append)


def _credentials(call: Call, stores: Stores) -> list[Finding]:
    """Which jobs reach S3 by what: the role is for those that may ask for an identity."""
    if not stores or all(call.job.get("secrets", name) is not None for name in KEYS):
        return []
    where = stores.store or stores.source
    if stores.own_server or call.value("aws-role") is None:
        paste = "\n".join(
            ["secrets:", *(f"  {name}: ${{{{ secrets.{name.upper().replace('-', '_')} }}}}" for name in KEYS)]
        )
        message = f"{where} is configured, and the call hands over neither `aws-role` nor keys"
        return [call.found("warning", call.at, f"{message}: only a runner with a role of its own reaches it", paste)]
    reading = call.interface.reading_jobs
    if not reading or call.value("aws-role-read") is not None:
        return []
    message = f"{', '.join(reading)} read {where}, and without `aws-role-read` have no role that may"
    return [call.found("advice", call.at, message, "aws-role-read: ${{ vars.MLOPS_CI_AWS_ROLE_READ }}")]


def _canary(one: Include, stores: Stores) -> list[Finding]:
    """GitLab makes a pipeline's jobs before anybody has read the configuration."""
    given = one.value(CANARY)
    if one.name != NIGHTLY or not stores.canary or (given is not None and given.value is not False):
        return []
    message = "[nightly] canary is set, and its job is not asked for: no night has one"
    return [one.found("warning", one.entry.line, message, f"inputs:\n  {CANARY}: true")]


def _policies(stores: Stores, role: str, identity: policies.Identity, *, only_reads: bool = False) -> Policies | None:
    if not stores or stores.own_server:
        return None
    allowed = policies.permissions(stores, role, only_reads=only_reads)
    return Policies(trust=policies.trust(identity, role), permissions=allowed)


def _handover(stores: Stores, callers: Iterable[Call | Include], identity: policies.Identity) -> Policies | None:
    """Of the role for handing runs on, where a caller names one."""
    named = [tree for one in callers if (tree := one.value(ROLE_HANDOVER)) is not None]
    if not named or stores.store is None:
        return None
    role = next(filter(None, map(_role, named)), "")
    return Policies(trust=policies.trust(identity, role), permissions=policies.to_hand_on(stores.store, role))


def _role(tree: Tree | None) -> str:
    """The ARN, where it stands in the file."""
    text = _text(tree)
    return text if ROLE.fullmatch(text) else ""


def _text(tree: Tree | None) -> str:
    return tree.value if tree is not None and isinstance(tree.value, str) else ""
