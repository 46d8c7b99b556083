"""The library of a case in processes of their own: on PYTHONPATH, it is there before NVIDIA's binding is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PLACED = """\
import json, pathlib, library
profile = pathlib.Path(__file__).with_name("profile.json").read_text()
library.put_in_place(library.Library(json.loads(profile)))
"""

# As much of a torch as the static half asks for. `ones` is what happens when a device is first used.
TORCH = """
import os, signal, time
__version__ = "2.13.0"
class cuda:
    @staticmethod
    def is_available(): return True
    @staticmethod
    def get_arch_list(): return ["sm_90"]
    @staticmethod
    def device_count(): return 2
    @staticmethod
    def init(): pass
class version: cuda = "12.6"
def ones(*_, device):
    {ones}
"""


def driver_folder(folder: Path, profile: dict[str, Any]) -> Path:
    """A folder for PYTHONPATH that plays the driver's library of this profile."""
    folder.mkdir()
    (folder / "profile.json").write_text(json.dumps(profile))
    (folder / "library.py").write_text(Path(__file__).with_name("library.py").read_text())
    (folder / "sitecustomize.py").write_text(PLACED)
    return folder
