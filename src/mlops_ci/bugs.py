"""An error that nobody expected, told so that it can be reported."""

from __future__ import annotations

import platform
import traceback

from mlops_ci.errors import InternalError
from mlops_ci.version import version


def bug_report(error: Exception, *, where: str = "", kept: str = "the lines above") -> InternalError:
    """The error of exit code 70: `details` are a Markdown report to paste, `kept` says where it stands."""
    facts = f"mlops-ci {version()}, Python {platform.python_version()}, {platform.platform()}"
    title = f"### mlops-ci failed{f' in `{where}`' if where else ''}"
    lines = "".join(traceback.format_exception(error)).splitlines()
    return InternalError(
        f"{type(error).__name__}: {error}",
        hint=f"this is a bug of mlops-ci: please open an issue with {kept}",
        details=(title, "", facts, "", "```", *lines, "```"),
    )
