"""The console of this process, on the provider that the environment names."""

from __future__ import annotations

import os
import sys

from mlops_ci.console import Console
from mlops_ci.providers.base import Provider
from mlops_ci.providers.detect import detect
from mlops_ci.redaction import Redactor


def new_provider() -> Provider:
    """The provider; narration goes to standard error."""
    return detect(os.environ, sys.stderr)


def new_console(*, verbose: bool, provider: Provider | None = None) -> Console:
    """A console that hides the environment's secrets from the first line on."""
    redactor = Redactor()
    redactor.add_environment(os.environ)
    return Console(sink=(provider or new_provider()).sink, redactor=redactor, verbose=verbose)
