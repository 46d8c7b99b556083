"""Opens registry and store for a command that works on published models: no engine, no image, no run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mlops_ci.commands.invocation import hide_secrets, termination
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.surroundings import assume_role, drop_empty
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.run.workspace import Workspace
from mlops_ci.stages.hidden import hide_addresses
from mlops_ci.stages.premises import Premises


@contextmanager
def open_premises(options: Options, *, governed: bool = False) -> Iterator[Premises]:
    """Registry and store of the configuration; all that was started has ended when the block does.

    `governed`: the settings are held against the policies, for what changes something that others rely on.
    """
    drop_empty(os.environ)
    provider = new_provider()
    console = new_console(verbose=options.verbose, provider=provider)
    settings = load_settings(options, provider if governed else None)
    workspace = Workspace(root=settings.root)
    workspace.prepare()
    with ExitStack() as stack:
        stack.callback(provider.sink.flush)
        stack.enter_context(termination())
        hide_secrets(console, settings, os.environ)
        hide_addresses(settings, os.environ, console.redactor)
        assume_role(settings, provider.name, os.environ, stack)
        yield Premises(settings=settings, workspace=workspace, console=console, stack=stack)
