"""Secrets never reach a log, a record or an echoed command: they are replaced by `***` wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

MASK = "***"
SHORTEST_SECRET = 6
SECRET_NAME = re.compile(
    r"(?:^|_|-)(?:PASS|PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|SECRETS|CREDENTIAL|CREDENTIALS|KEY|APIKEY|AUTH)(?:$|_|-)"
    r"|PASSWORD|SECRET|TOKEN(?!I[SZ])",
    re.IGNORECASE,
)
URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^/\s:@]+:)[^@\s/]+(?=@)", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether an environment variable or an option of this name holds a secret."""
    return SECRET_NAME.search(name) is not None


@dataclass
class Redactor:
    """Knows the secrets of this process and removes them from text."""

    secrets: set[str] = field(default_factory=set)

    def add(self, value: str) -> bool:
        """Hide `value` (and its URL-quoted form) from now on; too short a value is not hidden. True when new."""
        if len(value) < SHORTEST_SECRET or value in self.secrets:
            return False
        self.secrets.update({value, quote(value, safe="")})
        return True

    def add_environment(self, environment: Mapping[str, str]) -> None:
        """Hide the value of every variable whose name says that it is a secret."""
        for name, value in environment.items():
            if is_secret_name(name):
                self.add(value)

    def clean(self, text: str) -> str:
        """The text without any known secret and without passwords in URLs."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return URL_PASSWORD.sub(rf"\g<head>{MASK}", text)

    def clean_argv(self, argv: Sequence[str]) -> list[str]:
        """The arguments with known secrets and the values of secret-named options removed."""
        cleaned: list[str] = []
        hide_next = False
        for argument in argv:
            name, equals, _ = argument.partition("=")
            if hide_next:
                cleaned.append(MASK)
                hide_next = False
            elif equals and name.startswith("--") and is_secret_name(name):
                cleaned.append(f"{name}={MASK}")
            else:
                cleaned.append(self.clean(argument))
                hide_next = argument.startswith("--") and is_secret_name(argument)
        return cleaned
