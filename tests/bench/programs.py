"""Programs that are measured as their users have them."""

from __future__ import annotations

from pathlib import Path


def compiled(folder: Path) -> dict[str, str]:
    """Variables with which Python keeps its bytecode, as an installed tool's is kept, whatever this machine says."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
