"""What can be wrong with the data of `[data]`."""

from __future__ import annotations

from mlops_ci.errors import InfrastructureError, MissingError, UsageError


class DataSettingError(UsageError):
    """`[data]` names no source, or several."""


class DataMissingError(UsageError):
    """There is no data where `[data]` says."""


class EmptyDataError(UsageError):
    """The source is there and holds no file."""


class DataDigestError(UsageError):
    """The data is not what `[data] digest` says.

    A usage error: the configuration and the data contradict each other, and only a person can say which is right.
    """


class UnsafeDataError(UsageError):
    """The data holds what can't be handed on as it is: a link that leads out, a special file, an impossible name."""


class DataAccessError(MissingError):
    """A file of the data may not be read by this user."""


class DataChangedError(InfrastructureError):
    """The data changed while it was read."""
