"""Bytecode beside the sources of a bundle: each job fetches it anew, and would first compile 500 modules.

It is made from the bytecode of this very working tree, and needs no time of change to be believed.
"""

from __future__ import annotations

import marshal
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Found by a hash of the source that is not looked at again.
UNCHECKED = (1).to_bytes(4, "little")


def add_bytecode(bundle: Path) -> None:
    """Add it to the repository that is being made in `bundle`, whatever that one ignores."""
    for copy in sorted((bundle / "src").rglob("*.py")):
        source = ROOT / copy.relative_to(bundle)
        code = SourceFileLoader(source.stem, str(source)).get_code(source.stem)
        target = Path(cache_from_source(str(copy)))
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(MAGIC_NUMBER + UNCHECKED + source_hash(copy.read_bytes()) + marshal.dumps(code))
    for arguments in (["init", "-q", "-b", "main"], ["add", "--force", "src"]):
        subprocess.run(["git", "-C", str(bundle), *arguments], check=True)
