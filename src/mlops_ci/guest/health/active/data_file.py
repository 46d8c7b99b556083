"""JSON beside this module, also from within a zipapp."""

from __future__ import annotations

import json
import pkgutil
from typing import Any


def read(name: str) -> Any:
    """The content of the file."""
    data = pkgutil.get_data(__package__, name)
    if data is None:
        raise FileNotFoundError(name)
    return json.loads(data)
