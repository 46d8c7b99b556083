"""The two comment APIs on loopback, with what clients must bear: pages, limits on size and rate, wrong tokens, faults.

GitHub: docs.github.com, "REST API endpoints for issue comments". GitLab: docs.gitlab.com, "Notes API".
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.web_server import Reply, Request, WebServer, reply_json, web_server

REPOSITORY, PROJECT, NUMBER = "vision/digits", "42", 7
BOT, PERSON, READER = "bot-token-4711-aaaa", "personal-token-4712-bbbb", "read-only-token-4713-cc"
GITHUB = r"/api/v3/repos/{repository}/issues/(?:(?P<number>\d+)/comments|comments/(?P<id>\d+))"
GITLAB = re.compile(rf"/api/v4/projects/{PROJECT}/merge_requests/(?P<number>\d+)/notes(?:/(?P<id>\d+))?")
LONGEST = {"github": 65_536, "gitlab": 1_000_000}


@dataclass
class Forge:
    """`comments` of the one pull request; `faults` are what the next requests of a method get instead of an answer.

    A fault `lost` is carried out first. `page` is the server's largest page.
    """

    users: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            BOT: {"id": 1, "login": "github-actions[bot]", "type": "Bot"},
            PERSON: {"id": 2, "login": "somebody", "type": "User"},
            READER: {"id": 3, "login": "reader[bot]", "type": "Bot"},
        }
    )
    comments: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[str, Reply]] = field(default_factory=list)
    page: int = 100
    repository: str = REPOSITORY
    before_create: Callable[[], object] = lambda: None
    server: WebServer | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def add(self, body: str, user: int = 9, login: str = "passer-by", kind: str = "User") -> dict[str, Any]:
        """A comment that somebody wrote."""
        number = max((one["id"] for one in self.comments), default=100) + 1
        self.comments.append({"id": number, "body": body, "user": {"id": user, "login": login, "type": kind}})
        return self.comments[-1]

    def asked(self, method: str) -> int:
        """How many requests of that method came in."""
        assert self.server is not None
        return sum(request.method == method for request in self.server.requests)

    def answer(self, request: Request) -> Reply:
        fault = next((one for one in self.faults if one[0] == request.method), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault[1].lost:
                self._answer(request)
            return fault[1]
        return self._answer(request)

    def _answer(self, request: Request) -> Reply:
        forge = "github" if request.path.startswith("/api/v3") else "gitlab"
        user = self.users.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if user is None:
            return reply_json({"message": "Bad credentials"}, 401)
        if request.path.endswith("/user"):
            return self._user(forge, user)
        github = re.compile(GITHUB.replace("{repository}", re.escape(self.repository)))
        match = (github if forge == "github" else GITLAB).fullmatch(request.path)
        if match is None or (match["number"] and int(match["number"]) != NUMBER):
            return reply_json({"message": "Not Found"}, 404)
        if request.method != "GET" and user["login"] == "reader[bot]":
            return reply_json({"message": "Resource not accessible by integration"}, 403)
        if request.method == "GET":
            return self._list(forge, request)
        if request.method == "POST":
            self.before_create()
        with self.lock:
            return self._change(forge, request, int(match["id"] or 0), user)

    def _user(self, forge: str, user: dict[str, Any]) -> Reply:
        """A job's token at GitHub is no user's."""
        if forge == "github" and user["type"] == "Bot":
            return reply_json({"message": "Resource not accessible by integration"}, 403)
        return reply_json({"id": user["id"], "login": user["login"]})

    def _list(self, forge: str, request: Request) -> Reply:
        size, page = min(self.page, int(request.query["per_page"])), int(request.query["page"])
        listed = sorted(self.comments, key=lambda one: one["id"])
        shown = [self._shown(forge, one) for one in listed[(page - 1) * size : page * size]]
        if len(listed) <= page * size:
            return reply_json(shown, x_next_page="")
        if forge == "gitlab":
            return reply_json(shown, x_next_page=str(page + 1))
        return reply_json(shown, link=f'<https://elsewhere.invalid/?page={page + 1}>; rel="next"')

    def _change(self, forge: str, request: Request, number: int, user: dict[str, Any]) -> Reply:
        body = request.json["body"] if request.body else ""
        if len(body) > LONGEST[forge]:
            return reply_json({"message": "body is too long"}, 422)
        if request.method == "POST":
            made = self.add(body, user=user["id"], login=user["login"], kind=user["type"])
            return reply_json(self._shown(forge, made), 201)
        found = next((one for one in self.comments if one["id"] == number), None)
        if found is None:
            return reply_json({"message": "Not Found"}, 404)
        if request.method == "DELETE":
            self.comments.remove(found)
            return Reply(status=204)
        found["body"] = body
        return reply_json(self._shown(forge, found))

    def _shown(self, forge: str, comment: dict[str, Any]) -> dict[str, Any]:
        if forge == "github":
            return {**comment, "html_url": f"https://git.example/pull/{NUMBER}#issuecomment-{comment['id']}"}
        return {"id": comment["id"], "body": comment["body"], "author": comment["user"]}


@contextmanager
def forge(repository: str = REPOSITORY) -> Iterator[Forge]:
    """Both APIs for the time of a `with` block: GitHub's below /api/v3, GitLab's below /api/v4."""
    made = Forge(repository=repository)
    with web_server(made.answer) as server:
        made.server = server
        yield made
