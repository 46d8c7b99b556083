"""The commands that CI systems read from a log, and how a line is kept from being one. All escaping is in this module.

GitHub: docs.github.com, "Workflow commands for GitHub Actions"; parsing as in actions/runner, `ActionCommand.cs`.
GitLab: docs.gitlab.com, "Job logs" (sections).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops_ci.providers.text import bones, flat

SECTION_MARK = re.compile(r"(section_(?:start|end)):", re.IGNORECASE)
COMMAND_START = re.compile(r"^(\s*):(?=:)")


def escape_data(text: str) -> str:
    """The message of a GitHub command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A property of a GitHub command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def github_command(name: str, data: str = "", properties: Mapping[str, str | None] | None = None) -> str:
    """`::name key=value,key=value::data`; properties without a value are left out."""
    given = ",".join(f"{key}={escape_property(value)}" for key, value in (properties or {}).items() if value)
    return f"::{name}{' ' if given else ''}{given}::{escape_data(data)}"


def harmless_at_github(row: str, shown: str) -> str:
    """`shown`, unless the runner would obey it: then the line in plain text with a visible space in the command.

    The runner obeys `::name::` at the beginning of a line and the older `##[name]` anywhere. A space is seen, but it
    is the safe choice: the runner compares as the machine's culture does, for which zero-width characters are not there
    (so they also hide a command), and `::stop-commands::` would bind our own commands too, and last beyond a kill.
    """
    bare = bones(row)
    if not COMMAND_START.match(bare) and "##[" not in bare:
        return shown
    return COMMAND_START.sub(r"\1: ", bare).replace("##[", "## [")


def section_start(name: str, title: str, seconds: float) -> str:
    """Opens a GitLab section at `seconds` since the epoch; unfolded, since what failed inside must be seen."""
    return f"\x1b[0Ksection_start:{int(seconds)}:{name}\r\x1b[0K{flat(title)}"


def section_end(name: str, seconds: float) -> str:
    """Closes a GitLab section."""
    return f"\x1b[0Ksection_end:{int(seconds)}:{name}\r\x1b[0K"


def section_name(name: str) -> str:
    """A name as GitLab allows it."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "_", f"mlops_ci_{name}")


def harmless_at_gitlab(shown: str) -> str:
    """A line that opens and closes no section: its marks have a space in them (their control characters are gone)."""
    return SECTION_MARK.sub(r"\1 :", shown)
