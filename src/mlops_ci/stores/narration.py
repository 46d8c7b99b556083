"""A transfer's progress, in words and as a part of the whole."""

from __future__ import annotations

from mlops_ci.progress import Activity
from mlops_ci.stores.base import OnProgress, Progress


def shown(activity: Activity) -> OnProgress:
    """A progress callback that keeps an activity informed."""

    def tell(progress: Progress) -> None:
        fraction = progress.bytes / progress.total_bytes if progress.total_bytes else None
        activity.update(
            fraction,
            f"{progress.files} of {progress.total_files} files, "
            f"{progress.bytes / 1e6:.0f} of {progress.total_bytes / 1e6:.0f} MB",
        )

    return tell
