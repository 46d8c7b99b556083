"""The JSON tables beside this file: limits, XIDs, compatibility, error codes. They also come out of the zipapp."""

from __future__ import annotations

import json
import pkgutil
from functools import cache
from typing import Any


@cache
def table(name: str) -> Any:
    """The table of that name, read once."""
    data = pkgutil.get_data("mlops_ci.guest.health", f"data/{name}.json")
    if data is None:
        raise FileNotFoundError(name)
    return json.loads(data)
