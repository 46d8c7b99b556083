"""One comment on the pull request, against servers that speak as GitHub's and GitLab's do, faults included."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mlops_ci.network import RetryPolicy
from mlops_ci.providers.comment import Comments, Posted, mark, post
from mlops_ci.providers.github_comments import github_comments
from mlops_ci.providers.gitlab_notes import gitlab_notes
from mlops_ci.web import ServiceRefusedError, ServiceUnreachableError, Web
from support.forge import BOT, NUMBER, PERSON, PROJECT, READER, REPOSITORY, Forge, forge
from support.web_server import Reply

MARK = mark("digits", "mlops.toml")
RUN, NEWER, OLDER = "20260102-030405-aaaaaa", "20260102-040506-aaaaaa", "20260101-000000-aaaaaa"
QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)
Open = Callable[..., Comments]


@pytest.fixture
def server() -> Iterator[Forge]:
    with forge() as made:
        yield made


def opener(server: Forge, kind: str) -> Open:
    def connect(token: str = BOT, timeout: float = 5.0, number: int = NUMBER) -> Comments:
        web = Web(timeout=timeout, policy=QUICK, longest_wait=3.0)
        if kind == "github":
            environ = {"GITHUB_API_URL": f"{server.url}/api/v3/", "GITHUB_REPOSITORY": REPOSITORY}
            return github_comments(environ, number, token, web)
        environ = {
            "CI_API_V4_URL": f"{server.url}/api/v4",
            "CI_PROJECT_ID": "99",
            "CI_MERGE_REQUEST_PROJECT_ID": PROJECT,
            "CI_PROJECT_URL": "https://gitlab.example/vision/digits",
        }
        return gitlab_notes(environ, number, token, web)

    return connect


@pytest.fixture(params=["github", "gitlab"])
def comments(request: pytest.FixtureRequest, server: Forge) -> Open:
    return opener(server, request.param)


def write(comments: Comments, run: str = RUN, text: str = "first\n") -> Posted:
    return post(comments, MARK, run, text)


def bodies(server: Forge) -> list[str]:
    return [str(one["body"]) for one in server.comments]


def test_the_second_time_it_is_updated_in_place(server: Forge, comments: Open) -> None:
    server.add("nice work")
    created = write(comments())
    assert created.action == "created"
    assert created.url.startswith("https://git")
    assert write(comments(), run=NEWER, text="second\n").action == "updated"
    assert write(comments(), run=NEWER, text="second\n").action == "unchanged"
    assert len(server.comments) == 2
    assert bodies(server)[1] == f"{MARK}run={NEWER} -->\nsecond\n"


def test_it_is_found_on_a_later_page(server: Forge, comments: Open) -> None:
    server.page = 2
    for number in range(5):
        server.add(f"comment {number}")
    server.add(f"{MARK}run={RUN} -->\nold", user=1, login="github-actions[bot]", kind="Bot")
    server.add("the last word")
    assert write(comments(), text="new\n").action == "updated"
    assert server.asked("POST") == 0
    assert len(server.comments) == 7


def test_another_project_or_configuration_has_its_own(server: Forge, comments: Open) -> None:
    write(comments())
    post(comments(), mark("digits", "large/mlops.toml"), RUN, "large\n")
    post(comments(), mark("shoes", "mlops.toml"), RUN, "shoes\n")
    assert len(server.comments) == 3


def test_a_strangers_comment_with_the_mark_is_not_ours(server: Forge, comments: Open) -> None:
    """Who could make us write into their comment could change afterwards what it says."""
    server.add(f"{MARK}run={RUN} -->\nall gates passed")
    assert write(comments()).action == "created"
    assert bodies(server)[0].endswith("all gates passed")


def test_a_personal_token_knows_its_own(server: Forge, comments: Open) -> None:
    assert write(comments(PERSON)).action == "created"
    assert write(comments(PERSON), run=NEWER, text="second\n").action == "updated"
    assert len(server.comments) == 1


def test_an_older_run_leaves_a_newer_ones_text(server: Forge, comments: Open) -> None:
    write(comments(), text="new\n")
    assert write(comments(), run=OLDER, text="old\n").action == "left"
    assert "new" in bodies(server)[0]


def test_two_jobs_at_the_same_moment_leave_one_comment(server: Forge, comments: Open) -> None:
    both = threading.Barrier(2, timeout=20)
    server.before_create = both.wait
    ended: list[Posted] = []
    threads = [threading.Thread(target=lambda: ended.append(write(comments()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert server.asked("POST") == 2
    assert len(server.comments) == 1
    assert len({one.url for one in ended}) == 1


def test_what_a_killed_job_has_left_too_much_goes(server: Forge, comments: Open) -> None:
    for _ in range(3):
        server.add(f"{MARK}run={OLDER} -->\nx", user=1, login="github-actions[bot]", kind="Bot")
    assert write(comments()).action == "updated"
    assert len(server.comments) == 1


def test_a_lost_answer_makes_no_second_comment(server: Forge, comments: Open) -> None:
    server.faults = [("POST", Reply(lost=True))]
    assert write(comments()).action in ("created", "unchanged")
    assert len(server.comments) == 1
    assert server.asked("POST") == 1


def test_deleted_between_look_and_update_it_is_made_anew(server: Forge, comments: Open) -> None:
    write(comments())
    server.faults = [("PATCH", Reply(status=404)), ("PUT", Reply(status=404))]
    assert write(comments(), run=NEWER, text="again\n").action == "created"
    assert "again" in bodies(server)[-1]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_server_in_trouble_is_asked_again(server: Forge, comments: Open, status: int) -> None:
    server.faults = [("GET", Reply(status=status)), ("GET", Reply(status=status))]
    assert write(comments()).action == "created"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=429, headers={"Retry-After": "1"}),
        Reply(status=403, headers={"Retry-After": "1"}),
        Reply(status=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}),
    ],
)
def test_a_rate_limit_is_obeyed(server: Forge, comments: Open, reply: Reply) -> None:
    """Also for POST: who is limited has done nothing."""
    server.faults = [("POST", reply)]
    begun = time.monotonic()
    assert write(comments()).action == "created"
    assert len(server.comments) == 1
    if "Retry-After" in reply.headers:
        assert time.monotonic() - begun >= 1


def test_a_limit_that_lasts_too_long_is_not_waited_for(server: Forge, comments: Open) -> None:
    later = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3000)}
    server.faults = [("GET", Reply(status=403, headers=later))]
    begun = time.monotonic()
    with pytest.raises(ServiceUnreachableError, match="limits how often"):
        write(comments())
    assert time.monotonic() - begun < 3
    assert server.asked("GET") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": "wrong-token-4714"}, "does not know the token"),
        ({"token": READER}, "does not allow it"),
        ({"number": 8}, "knows no such thing"),
    ],
)
def test_a_refusal_says_why_and_is_not_repeated(server: Forge, comments: Open, options, message: str) -> None:
    with pytest.raises(ServiceRefusedError, match=message) as caught:
        write(comments(**options))
    assert "token-47" not in f"{caught.value.cause}{caught.value.hint}"
    assert server.comments == []
    assert server.asked("GET") + server.asked("POST") <= 3


def test_a_silent_server_ends_in_time(server: Forge, comments: Open) -> None:
    server.faults = [("GET", Reply(silent=True))] * 3
    begun = time.monotonic()
    with pytest.raises(ServiceUnreachableError, match="did not answer in time"):
        write(comments(timeout=0.3))
    assert time.monotonic() - begun < 5


def test_the_token_goes_to_no_other_address(server: Forge, comments: Open) -> None:
    server.faults = [("GET", Reply(status=301, headers={"Location": f"{server.url}/elsewhere"}))]
    with pytest.raises(ServiceRefusedError):
        write(comments())
    assert server.server is not None
    assert [request.path for request in server.server.requests if "elsewhere" in request.path] == []


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_text_of_any_length_fits(server: Forge, kind: str) -> None:
    fold = "<details>\n<summary>Node</summary>\n\n" + "äöü " * 400_000 + "\n\n</details>\n"
    assert write(opener(server, kind)(), text=f"### Failed\n\n{fold}").action == "created"
    body = bodies(server)[0]
    assert body.startswith(MARK)
    assert "### Failed" in body
    assert "Node" in body.partition("Left out here for its size")[2]
