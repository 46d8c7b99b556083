"""The comments of a pull request on GitHub and GitHub Enterprise Server, by the REST API for issue comments.

docs.github.com, "REST API endpoints for issue comments". The job needs `pull-requests: write`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.providers.comment import Comment
from mlops_ci.web import Answer, ServiceRefusedError, Web

API = "https://api.github.com"
TOKEN = "GITHUB_TOKEN"  # noqa: S105  # the name of the variable
# 65,536 characters; every character has at least one byte, so a limit in bytes is on the safe side.
LIMIT = 65_536
PAGE = 100
MOST_PAGES = 100


@dataclass(kw_only=True)
class GitHubComments:
    """The comments of one pull request."""

    web: Web
    api: str
    repository: str
    number: int
    token: str
    limit: int = LIMIT
    _login: str | None = None

    def ours(self, mark: str) -> list[Comment]:
        """Comments with the mark by a bot (which is what a job's token writes as), or by the token's own user."""
        return [
            _comment(one)
            for one in self._all()
            if str(one.get("body") or "").startswith(mark) and self._is_ours(one.get("user") or {})
        ]

    def create(self, body: str) -> Comment:
        """A new comment."""
        return _comment(self._ask("POST", self._issue, {"body": body}, again=False).json())

    def update(self, comment: Comment, body: str) -> Comment:
        """Another text for a comment."""
        return _comment(self._ask("PATCH", self._one(comment), {"body": body}).json())

    def delete(self, comment: Comment) -> None:
        """Remove a comment."""
        try:
            self._ask("DELETE", self._one(comment))
        except ServiceRefusedError as error:
            if error.status != 404:
                raise

    @property
    def _issue(self) -> str:
        return f"/repos/{self.repository}/issues/{self.number}/comments"

    def _one(self, comment: Comment) -> str:
        return f"/repos/{self.repository}/issues/comments/{comment.id}"

    def _all(self) -> Iterator[Mapping[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            answer = self._ask("GET", f"{self._issue}?per_page={PAGE}&page={page}")
            yield from answer.json()
            # The address of the next page is not followed: the token goes to no address that an answer names.
            if 'rel="next"' not in answer.headers.get("link", ""):
                return

    def _is_ours(self, user: Mapping[str, Any]) -> bool:
        return user.get("type") == "Bot" or (bool(user.get("login")) and user.get("login") == self._own_login())

    def _own_login(self) -> str:
        """The user of a personal token; empty for a job's token, which has none."""
        if self._login is None:
            try:
                self._login = str(self._ask("GET", "/user").json().get("login") or "")
            except ServiceRefusedError:
                self._login = ""
        return self._login

    def _ask(self, method: str, path: str, body: Any = None, *, again: bool = True) -> Answer:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "User-Agent": "mlops-ci",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        return self.web.ask(method, f"{self.api}{path}", headers=headers, body=data, again=again)


def _comment(found: Mapping[str, Any]) -> Comment:
    return Comment(id=int(found["id"]), body=str(found.get("body") or ""), url=str(found.get("html_url") or ""))


def github_comments(environ: Mapping[str, str], number: int, token: str, web: Web) -> GitHubComments:
    """The comments of that pull request of this repository; the server's address is in the environment."""
    api = (environ.get("GITHUB_API_URL") or API).rstrip("/")
    return GitHubComments(web=web, api=api, repository=environ["GITHUB_REPOSITORY"], number=number, token=token)
