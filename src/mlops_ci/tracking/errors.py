"""What can go wrong with MLflow, told apart by what helps."""

from __future__ import annotations

from mlops_ci.errors import InfrastructureError, MissingError, UncheckedError, UsageError


class TrackingDownError(InfrastructureError):
    """The MLflow server could not be asked: no answer, a time-out, or an error of its own."""


class MetricsLeftOverError(InfrastructureError):
    """Metric points of a training that is to be published are still not on the MLflow server: the file keeps them."""


class TrackingAccessError(UsageError):
    """The MLflow server answers, but not to us: credentials are missing, wrong, or not enough."""


class TrackingRefusedError(UsageError):
    """The MLflow server understood and refused: the request can't succeed as it is."""


class TrackingNotFoundError(TrackingRefusedError):
    """What was asked for does not exist on the MLflow server."""


class TrackingExistsError(TrackingRefusedError):
    """What was to be created exists already."""


class TrackingAddressError(UsageError):
    """`[tracking] uri` is no address of an MLflow server."""


class TrackingTooOldError(MissingError):
    """The MLflow server is too old."""


class TrackingClientMissingError(MissingError):
    """MLflow's client is not installed."""


class EmbeddedServerMissingError(MissingError):
    """MLflow's server is not installed, and none is configured."""


class EmbeddedServerError(InfrastructureError):
    """The MLflow server of our own did not start, or its database could not be prepared."""


class EmbeddedServerBusyError(InfrastructureError):
    """Another run uses the embedded MLflow of this project."""


class AliasMovedError(UncheckedError):
    """The champion is not the one that the challenger was compared with: the comparison counts for nothing now.

    Not an infrastructure error: trying the promotion again can't help, only a new evaluation can.
    """
