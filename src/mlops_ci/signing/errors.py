"""What can be wrong with keys and signatures. No message holds a key or a password."""

from __future__ import annotations

from mlops_ci.errors import GateError, MissingError, UncheckedError, UsageError


class SigningLibraryMissingError(MissingError):
    """The libraries that sign are not installed."""


class SigningKeyMissingError(MissingError):
    """The key to sign with, or to verify with, is not on this machine."""


class SigningKeyError(UsageError):
    """A key is there and cannot be used: another form, or another password."""


class UnsignedImageError(GateError):
    """The image has no valid signature of whom the settings name, so it does not run."""


class UnsignedModelError(GateError):
    """The published model has no valid signature of whom the settings name, so it is neither promoted nor loaded."""


class SignatureUnreadableError(UncheckedError):
    """What lies beside the image in the place of signatures cannot be read."""


class SignatureUncheckedError(UncheckedError):
    """A signature is demanded, and there is nothing here that it could be of."""


def library_missing(error: ImportError) -> SigningLibraryMissingError:
    """The error for a library that is not installed."""
    return SigningLibraryMissingError(
        f"the Python package `{error.name}` is not installed, and signatures need it",
        hint='install it: pip install "mlops-ci[sign]"',
    )
