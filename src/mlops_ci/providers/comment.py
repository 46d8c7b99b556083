"""One comment per pull request, updated in place: found again by a hidden mark, whoever else writes there.

Any reader of the pull request can write the mark into a comment of their own, so only the comment of a machine, or of
the token's own user, counts as ours. Two jobs may look at the same moment and find none: after it has created one, each
looks again, and only the oldest stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import quote

from mlops_ci.providers.budget import fit
from mlops_ci.web import ServiceRefusedError, ServiceUnreachableError

Action = Literal["created", "updated", "unchanged", "left"]
NAME = "mlops-ci:comment"
# GitLab obeys lines such as `/close` in a note (docs.gitlab.com, "GitLab quick actions"), and bots do so on GitHub; log
# lines of anybody's training stand in the comment. As a character reference a slash is read by people alone.
COMMAND = re.compile(r"^([^\S\n]*)/(?=\w)", re.MULTILINE)
RUN = re.compile(rf"<!-- {NAME} [^\n]*\brun=(\S+) -->")


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment that is there: `id` grows with time."""

    id: int
    body: str
    url: str


class Comments(Protocol):
    """The comments of one pull request."""

    @property
    def limit(self) -> int:
        """Characters that a comment holds."""

    def ours(self, mark: str) -> list[Comment]:
        """Those of ours that begin with the mark."""

    def create(self, body: str) -> Comment:
        """A new one. Not tried again when nobody knows whether it was created."""

    def update(self, comment: Comment, body: str) -> Comment:
        """Another text."""

    def delete(self, comment: Comment) -> None:
        """Gone; also when it was gone already."""


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What became of it. `left`: a newer run has written there."""

    action: Action
    url: str


def mark(project: str, config: str) -> str:
    """The beginning of the hidden line by which the comment is found: one for each project and configuration."""
    return f"<!-- {NAME} project={_quoted(project)} config={_quoted(config)} "


def body_of(mark: str, run: str, text: str, limit: int) -> str:
    """The comment's text: the hidden line, then as much Markdown as there is room for."""
    head = f"{mark}run={_quoted(run)} -->\n"
    return head + fit(COMMAND.sub(r"\1&#47;", text), limit - len(head.encode()))


def post(comments: Comments, mark: str, run: str, text: str) -> Posted:
    """Create the comment or update it. Runs are named by time, so an older one leaves a newer one's text alone."""
    body = body_of(mark, run, text, comments.limit)
    there = comments.ours(mark)
    if there:
        return _update(comments, there, run, body)
    # Look again: between the first look and now, a job beside this one may have written.
    there = comments.ours(mark)
    if there:
        return _update(comments, there, run, body)
    try:
        created = comments.create(body)
    except ServiceUnreachableError:
        # Its answer may have been lost after it was created.
        there = comments.ours(mark)
        if not there:
            created = comments.create(body)
        else:
            return _update(comments, there, run, body)
    there = comments.ours(mark) or [created]
    oldest = min(there, key=lambda one: one.id)
    if oldest.id == created.id:
        return Posted(action="created", url=created.url)
    comments.delete(created)
    return _update(comments, [oldest], run, body)


def _update(comments: Comments, there: list[Comment], run: str, body: str) -> Posted:
    oldest = min(there, key=lambda one: one.id)
    newest = max((found[1] for one in there if (found := RUN.match(one.body))), default="")
    if newest > _quoted(run):
        return Posted(action="left", url=oldest.url)
    # A job that was killed between its look and its clean-up has left one too many.
    for one in there:
        if one.id != oldest.id:
            comments.delete(one)
    if oldest.body.strip() == body.strip():
        return Posted(action="unchanged", url=oldest.url)
    try:
        return Posted(action="updated", url=comments.update(oldest, body).url)
    except ServiceRefusedError as error:
        if error.status != 404:
            raise
        # Somebody has deleted it meanwhile.
        return Posted(action="created", url=comments.create(body).url)


def _quoted(text: str) -> str:
    """Text that cannot end the hidden line: no space, no `>`, and no two dashes in a row."""
    return quote(text, safe="/:@").replace("--", "-%2D")
