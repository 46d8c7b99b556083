"""Keyless signatures, with the `cosign` program: the job's identity signs, and a public log keeps that it did.

Source: cosign's own help, and `cmd/cosign/errors/exit_codes.go` for what its exit codes mean. The identity's token
reaches the program in its environment alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import InfrastructureError
from mlops_ci.network import is_loopback
from mlops_ci.process import Finished
from mlops_ci.redaction import Redactor
from mlops_ci.signing.errors import UnsignedImageError

PROGRAM = "cosign"
TOKEN = "SIGSTORE_ID_TOKEN"  # noqa: S105  # the name of a variable
AUDIENCE = "sigstore"
SECONDS = 180.0
# No signature, none that matches, one without a certificate.
REFUSED = frozenset({10, 12, 13})
REFUSED_WORDS = ("no signatures found", "no matching signatures", "none of the expected identities matched")
# What `cosign` says of servers, where it is asked about files.
UNANSWERED = ("connection refused", "no such host", "i/o timeout", "context deadline exceeded")
INSTALL = "install cosign on this machine (it is one program), or sign with a key: [signing] key"


class KeylessUnavailableError(InfrastructureError):
    """The servers of a keyless signature, or the registry, did not answer `cosign`."""


@dataclass(frozen=True, kw_only=True)
class Keyless:
    """Calls `cosign`. `environ` is its environment; its own variables (`COSIGN_...`) name a site's own servers."""

    environ: Mapping[str, str]
    redactor: Redactor

    def sign(self, image: str) -> None:
        """Sign an image, by its digest, as whom the token in the environment names."""
        self._checked("signed", ["sign", "--yes", *_plain(image), image])

    def attest(self, image: str, kind: str, predicate: Path) -> None:
        """Sign a statement about an image and keep it beside it."""
        words = ["attest", "--yes", "--type", kind, "--predicate", str(predicate), *_plain(image), image]
        self._checked("attested", words)

    def sign_blob(self, blob: Path, kind: str, predicate: Path, target: Path) -> None:
        """Sign a statement about a file's bytes into a bundle."""
        words = ["--yes", "--new-bundle-format", "--type", kind, "--predicate", str(predicate), "--bundle", str(target)]
        self._checked("signed", ["attest-blob", *words, str(blob)])

    def verify_blob(self, blob: Path, kind: str, held: Path, *, identity: str, issuer: str) -> str | None:
        """What is wrong with a bundle of `sign_blob`, None where the identity signed it. Raises
        `KeylessUnavailableError` where that could not be found out.
        """
        whom = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]
        words = ["--new-bundle-format", "--type", kind, "--bundle", str(held), *whom, str(blob)]
        finished = self._run(["verify-blob-attestation", *words])
        if finished.exit_code == 0 and not finished.timed_out:
            return None
        said = finished.stderr.lower()
        if finished.timed_out or any(one in said for one in UNANSWERED):
            self._answered("verified", str(blob), finished)
        return f"no valid signature of {identity} (issuer {issuer}): {(finished.tail(1) or ('',))[0]}"

    def verify(self, image: str, *, identity: str, issuer: str) -> None:
        """Raises `UnsignedImageError` unless the image has a signature of this identity, `KeylessUnavailableError`."""
        whom = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]
        finished = self._run(["verify", *whom, "--output", "json", *_plain(image), image])
        said = finished.stderr.lower()
        if finished.exit_code in REFUSED or (finished.exit_code and any(one in said for one in REFUSED_WORDS)):
            raise UnsignedImageError(
                f"{image} has no valid signature of {identity} (issuer {issuer})",
                hint="was it built by the pipeline that [signing] identity names? `mlops-ci images verify` asks again",
                details=finished.tail(5),
            )
        self._answered("verified", image, finished)

    def _checked(self, verb: str, words: list[str]) -> None:
        self._answered(verb, words[-1], self._run(words))

    def _answered(self, verb: str, image: str, finished: Finished) -> None:
        if finished.exit_code or finished.timed_out:
            raise KeylessUnavailableError(
                f"{image} could not be {verb} by cosign",
                hint="are the registry and Sigstore's servers reached from here? The same command tries again",
                details=finished.tail(5),
            )

    def _run(self, words: list[str]) -> Finished:
        return process.run(
            [PROGRAM, *words],
            environment=self.environ,
            redactor=self.redactor,
            timeout=SECONDS,
            check=False,
            leashed=True,
            hint=INSTALL,
        )


def _plain(image: str) -> list[str]:
    """A registry of this very machine speaks plain HTTP, as for all our questions to it."""
    return ["--allow-http-registry"] if is_loopback(image.partition("/")[0]) else []
