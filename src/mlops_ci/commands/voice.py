"""The console of this process, on the provider that the environment names."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from mlops_ci.console import Console
from mlops_ci.providers.base import Provider
from mlops_ci.providers.detect import UnknownProviderError, detect
from mlops_ci.providers.local import local_provider
from mlops_ci.redaction import Redactor


def new_provider() -> Provider:
    """The provider; narration goes to standard error."""
    return detect(os.environ, sys.stderr)


def new_console(*, verbose: bool, provider: Provider | None = None) -> Console:
    """A console that hides the environment's secrets from the first line on.

    It speaks plainly when the environment names a provider that does not exist: that very error must be told.
    """
    redactor = Redactor()
    redactor.add_environment(os.environ)
    if provider is None:
        try:
            provider = new_provider()
        except UnknownProviderError:
            provider = local_provider(os.environ, sys.stderr)
    return Console(sink=provider.sink, redactor=redactor, verbose=verbose)


def hand_on_exit_code(code: int) -> None:
    """Tell later jobs the exit code of a command that failed before it had a run: a CI system itself keeps none."""
    with suppress(UnknownProviderError, OSError):
        new_provider().set_output("exit-code", str(code))
