"""What must not be seen of those who are told: most projects tell nobody, and load nothing for it."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_ci.redaction import Redactor
from mlops_ci.settings.notify import NotifySettings
from mlops_ci.settings.settings import Settings


def hide_addresses(settings: Settings, environ: Mapping[str, str], redactor: Redactor) -> None:
    """Keep the channels' addresses out of everything that is said from now on."""
    notify = settings.tables.notify
    if notify == NotifySettings() and not environ.get(notify.gitlab_token):
        return
    from mlops_ci.notifying.channels import hide

    hide(notify, environ, redactor)
