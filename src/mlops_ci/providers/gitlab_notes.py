"""The notes of a merge request on GitLab, by its REST API.

docs.gitlab.com, "Notes API". The job's own token may not write notes: it needs a project access token (role Reporter,
scope `api`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.providers.comment import Comment
from mlops_ci.web import Answer, ServiceRefusedError, Web

# 1,000,000 characters; every character has at least one byte, so a limit in bytes is on the safe side.
LIMIT = 1_000_000
PAGE = 100
MOST_PAGES = 100


@dataclass(kw_only=True)
class GitLabNotes:
    """The notes of one merge request. `page` is the address of the merge request for people."""

    web: Web
    api: str
    project: str
    number: int
    token: str
    page: str = ""
    limit: int = LIMIT
    _user: int | None = None

    def ours(self, mark: str) -> list[Comment]:
        """Notes with the mark by the token's own user."""
        return [
            self._comment(one)
            for one in self._all()
            if str(one.get("body") or "").startswith(mark) and (one.get("author") or {}).get("id") == self._own_id()
        ]

    def create(self, body: str) -> Comment:
        """A new note."""
        return self._comment(self._ask("POST", self._notes, {"body": body}, again=False).json())

    def update(self, comment: Comment, body: str) -> Comment:
        """Another text for a note."""
        return self._comment(self._ask("PUT", f"{self._notes}/{comment.id}", {"body": body}).json())

    def delete(self, comment: Comment) -> None:
        """Remove a note."""
        try:
            self._ask("DELETE", f"{self._notes}/{comment.id}")
        except ServiceRefusedError as error:
            if error.status != 404:
                raise

    @property
    def _notes(self) -> str:
        return f"/projects/{self.project}/merge_requests/{self.number}/notes"

    def _all(self) -> Iterator[Mapping[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            query = f"per_page={PAGE}&page={page}&sort=asc&order_by=created_at"
            answer = self._ask("GET", f"{self._notes}?{query}")
            yield from answer.json()
            if not answer.headers.get("x-next-page"):
                return

    def _own_id(self) -> int:
        if self._user is None:
            self._user = int(self._ask("GET", "/user").json()["id"])
        return self._user

    def _comment(self, found: Mapping[str, Any]) -> Comment:
        number = int(found["id"])
        url = f"{self.page}#note_{number}" if self.page else ""
        return Comment(id=number, body=str(found.get("body") or ""), url=url)

    def _ask(self, method: str, path: str, body: Any = None, *, again: bool = True) -> Answer:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "User-Agent": "mlops-ci",
        }
        data = None if body is None else json.dumps(body).encode()
        return self.web.ask(method, f"{self.api}{path}", headers=headers, body=data, again=again)


def gitlab_notes(environ: Mapping[str, str], number: int, token: str, web: Web) -> GitLabNotes:
    """The notes of that merge request of this project; the server's address is in the environment."""
    project = environ["CI_PROJECT_URL"] if environ.get("CI_PROJECT_URL") else ""
    return GitLabNotes(
        web=web,
        api=environ["CI_API_V4_URL"].rstrip("/"),
        project=environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ["CI_PROJECT_ID"],
        number=number,
        token=token,
        page=f"{project}/-/merge_requests/{number}" if project else "",
    )
