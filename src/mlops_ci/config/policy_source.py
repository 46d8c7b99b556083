"""Where a policy lies: fetched or read, and taken only when it is the very file whose digest was named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.config.errors import ConfigError, Problem
from mlops_ci.config.policy import Policy, read_policy
from mlops_ci.errors import InfrastructureError, UncheckedError
from mlops_ci.network import ca_bundle
from mlops_ci.redaction import Redactor
from mlops_ci.settings.settings import Tables

if TYPE_CHECKING:
    from mlops_ci.web import Web

# Of the machine that runs a job: no setting of a repository or of a caller replaces it.
SOURCE, SHA256 = "MLOPS_CI_POLICY", "MLOPS_CI_POLICY_SHA256"
DIGEST_LENGTH = 64
SECONDS = 30.0
LARGEST_BYTES = 1 << 20
CLOSED = "nothing runs without it"

# What was fetched in this process, by address and digest: a command loads its settings more than once.
_fetched: dict[tuple[str, str], bytes] = {}


class PolicyUnreadableError(UncheckedError):
    """The policy cannot be had, or is not the file whose digest was named: nobody knows what it allows."""


class PolicyUnreachableError(InfrastructureError):
    """The policy's server could not be asked, after the retries."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A policy as it is named: a file relative to `root`, or an address."""

    source: str
    sha256: str

    @property
    def shown(self) -> str:
        """The source without passwords."""
        return Redactor().clean(self.source)


def references(tables: Tables, environ: Mapping[str, str]) -> tuple[Reference, ...]:
    """The machine's own policy first, then that of the settings. Raises `ConfigError`."""
    found = []
    source, sha256 = environ.get(SOURCE, "").strip(), environ.get(SHA256, "").strip()
    if source or sha256:
        if not source or len(sha256) != DIGEST_LENGTH or set(sha256) - set("0123456789abcdef"):
            message = f"a policy needs {SOURCE} and, as 64 digits of 0-9a-f, {SHA256}"
            raise ConfigError([Problem(where=SOURCE if source else SHA256, message=message)], hint=CLOSED)
        found.append(Reference(source=source, sha256=sha256))
    if tables.policy.source and tables.policy.sha256:
        found.append(Reference(source=tables.policy.source, sha256=tables.policy.sha256))
    return tuple(found)


def policy_at(
    reference: Reference,
    *,
    root: Path,
    bundle: str | None = None,
    at_base: Callable[[Path], bytes | None] | None = None,
    web: Web | None = None,
) -> Policy:
    """The policy. In a pull request `at_base` reads a file of the repository as the base commit has it."""
    data = _bytes(reference, root, bundle, at_base, web)
    digest = hashlib.sha256(data).hexdigest()
    if digest != reference.sha256:
        raise PolicyUnreadableError(
            f"the policy {reference.shown} has the digest {digest}, not {reference.sha256}",
            hint=f"{CLOSED}: was it changed on purpose? Then name its new digest where the policy is named",
        )
    return read_policy(data, source=reference.shown, sha256=digest)


def _bytes(
    reference: Reference,
    root: Path,
    bundle: str | None,
    at_base: Callable[[Path], bytes | None] | None,
    web: Web | None,
) -> bytes:
    if reference.source.startswith(("https://", "http://")):
        key = (reference.source, reference.sha256)
        if key not in _fetched:
            _fetched[key] = _fetch(reference, root / bundle if bundle else None, web)
        return _fetched[key]
    path = root / reference.source
    data = at_base(path) if at_base is not None else None
    if data is not None:
        return data
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise PolicyUnreadableError(
                f"the policy {reference.shown} is larger than {LARGEST_BYTES} bytes", hint=CLOSED
            )
        return path.read_bytes()
    except OSError as error:
        raise PolicyUnreadableError(
            f"the policy {reference.shown} cannot be read: {error.strerror}",
            hint=f"{CLOSED}: is the file on this machine, under {path}?",
        ) from error


def _fetch(reference: Reference, bundle: Path | None, web: Web | None) -> bytes:
    from mlops_ci.web import ServiceRefusedError, ServiceUnreachableError, Web

    asked = web or Web(ca_bundle=ca_bundle(bundle), timeout=SECONDS)
    try:
        return asked.ask("GET", reference.source, headers={"User-Agent": "mlops-ci"}).body
    except ServiceUnreachableError as error:
        raise PolicyUnreachableError(f"the policy could not be fetched: {error.cause}", hint=error.hint) from error
    except ServiceRefusedError as error:
        raise PolicyUnreadableError(
            f"the policy could not be fetched: {error.cause}", hint=f"{CLOSED}: {error.hint}"
        ) from error
