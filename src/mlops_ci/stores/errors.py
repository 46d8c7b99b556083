"""What can go wrong with an object store: one class per next step, also for the operating system's errors."""

from __future__ import annotations

import errno
from pathlib import Path

from mlops_ci.errors import InfrastructureError, MissingError, MlopsError, UncheckedError, UsageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
STILL_WRITTEN = "make sure that nothing writes into this run any more, and run the stage again"
# The second line: something else stands where a folder or a file must be.
REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS} | {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})


class StoreAddressError(UsageError):
    """The configured store does not exist or is no address: unknown scheme, no such bucket, wrong region."""


class ObjectKeyError(UsageError):
    """A key that no store of ours holds: absolute, with `..`, with control characters, too long."""


class ObjectMissingError(UsageError):
    """The store answered, and has no object under this key. Not retried: asking again gives the same answer."""


class StoreAccessError(MissingError):
    """The store refuses us: no credentials, wrong ones, expired ones, no permission. Trying again does not help."""


class StoreCertificateError(MissingError):
    """The server's TLS certificate is not trusted on this machine."""


class StoreUnsupportedError(MissingError):
    """The S3 server lacks a feature without which nothing can be published safely."""


class StoreConflictError(UncheckedError):
    """An immutable key already holds other content. Nothing was overwritten, and nobody retries."""


class ObjectDamagedError(UncheckedError):
    """What the store gives back is not what was stored. Never used, never retried."""


class StoreUnreachableError(InfrastructureError):
    """The store could not be asked, or failed: network, timeout, an error of the server. The retries are used up."""


class StoreFullError(InfrastructureError):
    """No space left where the store or a download must be written."""


class ObjectLostError(InfrastructureError):
    """The store said that it has an object, and has not: not even after it was sent again."""


class ObjectChangedError(InfrastructureError):
    """An object was replaced between its listing and its download: another process still writes there."""


class FileChangedError(InfrastructureError):
    """A file changed between its digest and its transfer: another process still writes it."""


def gone(path: Path) -> FileChangedError:
    """The error for a file that was there when it was listed or hashed."""
    return FileChangedError(f"{path} is gone: it was there before", hint=STILL_WRITTEN)


def from_os_error(error: OSError, doing: str) -> MlopsError:
    """The error to report for what the operating system said while `doing` (for example "writing the object x")."""
    reason = error.strerror or str(error)
    where = f" ({error.filename})" if isinstance(error.filename, str) else ""
    if error.errno in FULL:
        return StoreFullError(
            f"{doing}: {reason}{where}",
            hint="free space (`mlops-ci clean` says what the caches hold) or put the store on a larger disk",
        )
    if error.errno in REFUSED:
        return StoreAccessError(
            f"{doing}: {reason}{where}",
            hint="give this user write permission there, or name another folder in the configuration",
        )
    if error.errno == errno.ENAMETOOLONG:
        return ObjectKeyError(f"{doing}: {reason}{where}", hint="use shorter file names")
    return StoreUnreachableError(f"{doing}: {reason}{where}", hint="check the disk or the network file system")
