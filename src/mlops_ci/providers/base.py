"""What a provider can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mlops_ci.console import Sink


class Provider(Protocol):
    """One implementation per place."""

    @property
    def name(self) -> str:
        """local, github, gitlab or argo."""

    @property
    def local(self) -> bool:
        """Whether a person started it, so that defaults may be chosen for them."""

    @property
    def sink(self) -> Sink:
        """Where narration goes."""

    def set_output(self, name: str, value: str) -> None:
        """Hand a value to later jobs."""

    def summary(self, markdown: str) -> None:
        """Add to the page that the provider shows for this job, within its size limit."""

    def links(self) -> Mapping[str, str]:
        """Addresses of this run at the provider."""

    def trusted(self) -> tuple[bool, str]:
        """Whether the code is the repository's own (not a fork's), and why."""

    def secrets_at_hand(self) -> bool:
        """Whether the event that started this hands secrets even to code of a fork."""

    def attempt(self) -> str | None:
        """Which try of the same job this is."""

    def bring(self, folder: str) -> tuple[str, ...]:
        """Shell commands that bring what the jobs of this run handed on into `folder`, on another machine.

        Nothing where it is here already, or where nobody can know how. No secret stands in them.
        """

    def change(self) -> int | None:
        """The number of the pull request or merge request that this run is about, or None."""

    def base(self) -> tuple[str, ...] | None:
        """Of a pull request: the commits that may be what it is based on, the best first. None when this is about none.

        Empty when it is about one, and nobody says what it is based on.
        """

    def branch(self) -> str | None:
        """The branch (or tag) that this run is about: a checkout in CI belongs to none."""
