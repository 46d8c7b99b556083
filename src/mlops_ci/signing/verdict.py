"""Whether what lies beside an image is a signature of it by a key. Pure functions on bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_ci.signing import bundle, payload, statement
from mlops_ci.signing.keys import PublicKey
from mlops_ci.signing.statement import Statement

OTHER_KEY = "another key signed it, or it was changed afterwards"
UNREADABLE = "it cannot be read"


@dataclass(frozen=True, kw_only=True)
class Simple:
    """A signature as cosign keeps it under a tag: the signed payload, and the signature of it."""

    payload: bytes
    signature: bytes


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`valid`: there is a valid signature. Else `refused` says of each that was found what is wrong with it.

    `unreadable`: nothing that was found could be read, which is no "no". `said` is what a valid statement says.
    """

    valid: bool
    refused: tuple[str, ...] = ()
    unreadable: bool = False
    said: Statement | None = None


def of_bundles(bundles: Iterable[bytes], key: PublicKey, digest: str, kind: str) -> Verdict:
    """Whether one of these bundles is a statement of that kind about the digest, signed by the key."""
    refused = []
    for data in bundles:
        found = _of_bundle(data, key, digest, kind)
        if isinstance(found, Statement):
            return Verdict(valid=True, said=found)
        if found:
            refused.append(found)
    return _refused(refused)


def of_simple(signatures: Iterable[Simple], key: PublicKey, digest: str) -> Verdict:
    """Whether one of these signatures is of the digest, by the key."""
    refused = []
    for one in signatures:
        about = payload.signed_digest(one.payload)
        if about is None:
            refused.append(UNREADABLE)
        elif not key.verifies(one.signature, one.payload):
            refused.append(OTHER_KEY)
        elif about != digest:
            refused.append(f"it is of another image ({about})")
        else:
            return Verdict(valid=True)
    return _refused(refused)


def together(*verdicts: Verdict) -> Verdict:
    """One valid signature is enough, in whatever form."""
    valid = next((one for one in verdicts if one.valid), None)
    return valid or _refused([text for one in verdicts for text in one.refused])


def _of_bundle(data: bytes, key: PublicKey, digest: str, kind: str) -> Statement | str:
    """The statement; else what is wrong with it, or nothing for a good one of another kind."""
    envelope = bundle.read(data)
    if envelope is None:
        return UNREADABLE
    said = statement.read(envelope.payload) if envelope.kind == statement.PAYLOAD_TYPE else None
    if not any(key.verifies(one, envelope.signed) for one in envelope.signatures):
        return OTHER_KEY if said is not None and said.predicate_type == kind else "" if said is not None else UNREADABLE
    if said is None:
        return "what is signed is no statement"
    if said.predicate_type != kind:
        return ""
    return said if digest in said.digests else f"it is of another image ({', '.join(sorted(said.digests))})"


def _refused(reasons: Sequence[str]) -> Verdict:
    unreadable = bool(reasons) and all(one == UNREADABLE for one in reasons)
    return Verdict(valid=False, refused=tuple(dict.fromkeys(reasons)), unreadable=unreadable)
