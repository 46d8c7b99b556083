"""Slack, Teams and any other service that takes JSON by POST."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.notifying.event import Event
from mlops_ci.notifying.template import Escape, fill
from mlops_ci.web import Web

SIGNATURE = "X-Mlops-Ci-Signature"
# Teams' Markdown (adaptivecards.io, "Markdown"): what would become a link or another style.
TEAMS_MARKUP = re.compile(r"([\\`*_\[\]()~#|])")


def slack_escape(text: str) -> str:
    """Slack reads `<...>` as mentions and links, and these three as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams_escape(text: str) -> str:
    """Addresses stay as they are: a backslash would break them, and they are made by us or by the CI system."""
    return text if text.startswith(("https://", "http://")) else TEAMS_MARKUP.sub(r"\\\1", text)


@dataclass(frozen=True, kw_only=True)
class PostedChannel:
    """One address that takes a message. The address is a secret: it stands in no text of ours."""

    name: str
    template: Any
    web: Web = field(repr=False)
    url: str = field(repr=False)
    key: str = field(default="", repr=False)
    escape: Escape = str

    def message(self, event: Event) -> Any:
        """The JSON that is sent."""
        return fill(self.template, event.values, self.escape)

    def send(self, event: Event) -> None:
        """Post it. Raises `ServiceUnreachableError` and `ServiceRefusedError`."""
        body = json.dumps(self.message(event), ensure_ascii=False).encode()
        self.web.ask("POST", self.url, headers=self._headers(event, body), body=body)

    def _headers(self, event: Event, body: bytes) -> Mapping[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mlops-ci",
            # A receiver can tell the second try of a message whose answer was lost from a second message.
            "Idempotency-Key": event.id,
        }
        if self.key:
            headers[SIGNATURE] = f"sha256={hmac.new(self.key.encode(), body, hashlib.sha256).hexdigest()}"
        return headers
