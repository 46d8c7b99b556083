"""What can go wrong while a testbed is installed or started."""

from __future__ import annotations


class BedError(Exception):
    """The testbed cannot do what was asked; the message says why, `hint` what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
