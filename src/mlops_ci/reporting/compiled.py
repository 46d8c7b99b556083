"""Compiled templates, kept where Python keeps the bytecode of modules: to compile them takes longer than the page."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

from jinja2.bccache import Bucket, BytecodeCache

from mlops_ci.files import write_atomic
from mlops_ci.version import version

DIGEST_BYTES = hashlib.sha256().digest_size


class BesideTemplates(BytecodeCache):
    """Jinja's bytecode in `__pycache__`; as with modules, nothing is kept where that can't be written.

    Jinja itself looks whether it is of the template's present text and of this Python. The versions of Jinja and of
    this package stand in the name: what the options of `html.environment` do to a template is in the bytecode.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions = f"{importlib.metadata.version('jinja2')}-{version()}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is kept of a template; what is damaged counts as absent."""
        with contextlib.suppress(OSError):
            kept = self._path(bucket).read_bytes()
            content = kept[DIGEST_BYTES:]
            if kept[:DIGEST_BYTES] == hashlib.sha256(content).digest():
                bucket.bytecode_from_string(content)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template that was compiled, unless Python shall write no bytecode."""
        if sys.dont_write_bytecode:
            return
        content = bucket.bytecode_to_string()
        with contextlib.suppress(OSError):
            write_atomic(self._path(bucket), hashlib.sha256(content).digest() + content)

    def _path(self, bucket: Bucket) -> Path:
        name = f"{bucket.key}.jinja-{self._versions}.py"
        return Path(importlib.util.cache_from_source(os.fspath(self._folder / name)))
