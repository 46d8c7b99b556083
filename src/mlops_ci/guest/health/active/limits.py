"""The limits of the active checks: data, each with its source; the configuration may set others."""

from __future__ import annotations

from mlops_ci.guest.health.active.data_file import read

ROWS = read("limits.json")["limits"]
DEFAULTS = {str(row["name"]): float(row["value"]) for row in ROWS}
