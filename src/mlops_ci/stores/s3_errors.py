"""From botocore's exceptions to errors with a cause and a next step. No secret and no signature gets into a message."""

from __future__ import annotations

from typing import Any

from mlops_ci.errors import MlopsError
from mlops_ci.stores.errors import (
    FileChangedError,
    ObjectDamagedError,
    ObjectMissingError,
    StoreAccessError,
    StoreAddressError,
    StoreCertificateError,
    StoreUnreachableError,
    StoreUnsupportedError,
    from_os_error,
)

VARIABLES = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or AWS_PROFILE"

# Error codes of the S3 API (Amazon S3 API reference, "Error responses").
REFUSED_CODES = frozenset(
    {
        "AccessDenied", "AccountProblem", "AllAccessDisabled", "ExpiredToken", "Forbidden", "InvalidAccessKeyId",
        "InvalidSecurity", "InvalidToken", "NotSignedUp", "SignatureDoesNotMatch", "TokenRefreshRequired",
        "UnauthorizedAccess", "401", "403",
    }
)  # fmt: skip
# Of who exchanges a job's identity for a role (AWS STS API reference, "AssumeRoleWithWebIdentity").
IDENTITY_CODES = frozenset({"ExpiredTokenException", "IDPRejectedClaim", "InvalidIdentityToken"})
CLOCK_CODES = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
MISSING_CODES = frozenset({"NoSuchKey", "NotFound", "404"})
ADDRESS_CODES = frozenset(
    {
        "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "InvalidBucketName", "NoSuchBucket",
        "PermanentRedirect", "301",
    }
)  # fmt: skip
UNSUPPORTED_CODES = frozenset({"NotImplemented", "501"})
LOST_CODES = frozenset({"InvalidPart"})
DAMAGED_CODES = frozenset({"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"})

# botocore's classes by name, since it has no common base for "credentials": botocore/exceptions.py.
CREDENTIAL_CLASSES = frozenset({
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError",
    "NoAuthTokenError", "SSOError", "LoginError", "ProfileNotFound", "UnknownCredentialError",
})  # fmt: skip
ADDRESS_CLASSES = frozenset({
    "ParamValidationError", "InvalidRegionError", "NoRegionError", "EndpointProviderError", "UnknownEndpointError",
    "BaseEndpointResolverError",
})  # fmt: skip


def code_of(error: BaseException) -> str:
    """The S3 error code that the server answered with, or an empty text."""
    response: Any = getattr(_inner(error), "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def is_missing(error: BaseException) -> bool:
    """The server says that there is no such object (or, to HEAD, no such bucket)."""
    return code_of(error) in MISSING_CODES


def is_taken(error: BaseException) -> bool:
    """A conditional write lost: the key exists."""
    return code_of(error) in {"PreconditionFailed", "412"}


def is_contended(error: Exception) -> bool:
    """Two conditional writes met (409): neither is known to have won, so ask again."""
    return code_of(error) in {"ConditionalRequestConflict", "OperationAborted", "409"}


def is_damaged(error: Exception) -> bool:
    """What arrived is not what was sent."""
    return code_of(error) in DAMAGED_CODES


def is_worth_sending_again(error: Exception) -> bool:
    """Met another write, was damaged on the way, or a part of it is gone: the same bytes may well arrive next time."""
    return is_contended(error) or code_of(error) in DAMAGED_CODES | LOST_CODES


def translate(error: Exception, *, doing: str, address: str, credentials_from: str = "") -> MlopsError:
    """The error to report for what boto3 raised while `doing` at the server `address`."""
    error = _inner(error)
    if code_of(error):
        return _from_code(error, f"{doing} at {address}", credentials_from)
    if isinstance(error, OSError) and error.errno is not None and "BotoCoreError" not in _names(error):
        return from_os_error(error, doing)
    return _from_class(error, f"{doing} at {address}: {_line(error)}")


_ADDRESS_HINT = "check the bucket, `[publish] endpoint` and `[publish] region` (AWS_ENDPOINT_URL, AWS_REGION)"
_UNREACHABLE_HINT = (
    "check that the server is up and reachable from this machine (endpoint, proxy, firewall), and run the stage again: "
    "what is stored already is not sent twice"
)
_REFUSED_HINT = f"check {VARIABLES}, and that they may list, read and write there"
_IDENTITY_HINT = (
    "the role does not trust this token of the job: compare audience and subject with the role's trust policy, which "
    "`mlops-ci doctor --provider github|gitlab` prints; one that has expired is new in the next try of the job"
)

# Which answers mean what, and what to do next.
ANSWERS: tuple[tuple[frozenset[str], type[MlopsError], str], ...] = (
    (MISSING_CODES, ObjectMissingError, "check the store's address and the key"),
    (CLOCK_CODES, StoreAccessError, "set this machine's clock (NTP): S3 signatures carry the time"),
    (REFUSED_CODES, StoreAccessError, _REFUSED_HINT),
    (IDENTITY_CODES, StoreAccessError, _IDENTITY_HINT),
    (ADDRESS_CODES, StoreAddressError, _ADDRESS_HINT),
    (
        DAMAGED_CODES,
        FileChangedError,
        "the file changed while it was being sent, or the network damaged it: run the stage again",
    ),
    (
        UNSUPPORTED_CODES,
        StoreUnsupportedError,
        "this S3 server is too old: publishing needs conditional writes (If-None-Match)",
    ),
)

# The same for what never became an answer of the server.
CLASSES: tuple[tuple[frozenset[str], type[MlopsError], str], ...] = (
    (CREDENTIAL_CLASSES, StoreAccessError, f"set {VARIABLES}"),
    (
        frozenset({"SSLError"}),
        StoreCertificateError,
        "name the CA bundle of your site: `[mirrors] ca-bundle`, or the variable SSL_CERT_FILE",
    ),
    (ADDRESS_CLASSES, StoreAddressError, _ADDRESS_HINT),
    (frozenset({"FlexibleChecksumError"}), ObjectDamagedError, "restore the object from a backup"),
)
# botocore follows a redirection to another region until Python's stack is full when the answer names no region.
CIRCLE = "maximum recursion depth exceeded"


def _from_code(error: Exception, where: str, credentials_from: str) -> MlopsError:
    response: Any = getattr(error, "response", {})
    code = code_of(error)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    cause = f"{where}: {code}: {response.get('Error', {}).get('Message', '')} (HTTP {status})"
    kind, hint = _meaning(code, refused=status in {401, 403})
    if hint is _REFUSED_HINT and credentials_from:
        hint = f"{hint}; the ones in use come from: {credentials_from}"
    return kind(cause, hint=hint)


def _meaning(code: str, *, refused: bool) -> tuple[type[MlopsError], str]:
    for codes, kind, hint in ANSWERS:
        if code in codes:
            return kind, hint
    return (StoreAccessError, _REFUSED_HINT) if refused else (StoreUnreachableError, _UNREACHABLE_HINT)


def _from_class(error: Exception, cause: str) -> MlopsError:
    names = _names(error)
    if CIRCLE in cause:
        return StoreAddressError(f"{cause} (the server sends us in a circle)", hint=_ADDRESS_HINT)
    if "ResponseParserError" in names:
        return StoreAddressError(f"{cause} (no answer of an S3 server)", hint=_ADDRESS_HINT)
    if type(error) is ValueError:
        return StoreAddressError(cause, hint=_ADDRESS_HINT)
    for classes, kind, hint in CLASSES:
        if names & classes:
            return kind(cause, hint=hint)
    return StoreUnreachableError(cause, hint=_UNREACHABLE_HINT)


def _inner(error: BaseException) -> Exception:
    """What s3transfer wraps: the last attempt's error, or the answer that it turned into words."""
    last = getattr(error, "last_exception", None)
    context = error.__context__ if type(error).__name__ == "S3DownloadFailedError" else None
    inner = last or context or error
    return inner if isinstance(inner, Exception) else RuntimeError(str(inner))


def _names(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
