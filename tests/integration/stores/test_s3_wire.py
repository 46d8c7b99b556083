"""The short way of a PUT, against servers that answer as the test wants: headers, proxies, refusals, broken lines."""

from __future__ import annotations

import base64
import contextlib
import http.server
import threading

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from mlops_ci import network
from mlops_ci.stores.errors import StoreAccessError, StoreUnreachableError
from mlops_ci.stores.limits import Throttle
from mlops_ci.stores.s3_bucket import Bucket
from mlops_ci.stores.s3_client import connect
from mlops_ci.stores.s3_signature import Keys
from mlops_ci.stores.s3_wire import Address, Wire, address_of, is_transient

SIGNED = "AWS4-HMAC-SHA256 Credential=AKID/20261126/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=0"


class Server(http.server.BaseHTTPRequestHandler):
    """Notes what comes, and answers with the next of `answers` (bytes), else 200."""

    protocol_version = "HTTP/1.1"
    seen: list
    answers: list

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, dict(self.headers.items()), body, self.client_address))
        answer = self.answers.pop(0) if self.answers else b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n'
        if answer is None:
            self.close_connection = True
            return
        self.wfile.write(answer)
        self.close_connection = b"close" in answer

    def log_message(self, *_):
        return


@contextlib.contextmanager
def serving(*answers):
    bound = type("Bound", (Server,), {"seen": [], "answers": list(answers)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), bound)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", bound.seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bucket(monkeypatch):
    """A bucket that has found its short way, `way`; without waits between tries."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(network.time, "sleep", lambda _: None)
    made = Bucket(connect(endpoint="http://s3.example", region=None, ca_bundle=None), name="bucket", prefix="")
    made._wire = lambda: (made.way, is_transient)
    return made


def wire(root, throttle=None, **more):
    keys = Keys(access="AKID", secret="s", **more)
    address = Address(root=root, path="/bucket/", region="r")
    return Wire(address, lambda: keys, bundle=None, throttle=throttle or Throttle(None))


def refused(status, code, message="no"):
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("url", "endpoint", "path"),
    [
        ("http://127.0.0.1:9000/bucket?list-type=2", "http://127.0.0.1:9000", "/bucket/"),
        ("http://127.0.0.1:9000/bucket/a/b", "http://127.0.0.1:9000", "/bucket/"),
        ("https://gate.example/s3/bucket/a", "https://gate.example/s3/", "/s3/bucket/"),
        ("https://bucket.s3.eu-central-1.amazonaws.com/a", "https://s3.eu-central-1.amazonaws.com", "/"),
    ],
)
def test_where_a_bucket_is_comes_from_what_boto3_asked(url, endpoint, path):
    address = address_of(url, SIGNED, bucket="bucket", endpoint=endpoint)
    assert (address.path, address.region) == (path, "eu-central-1")
    assert url.startswith(address.root + "/")


@pytest.mark.parametrize("authorization", ["", SIGNED.replace("/s3/", "/s3express/"), SIGNED.replace("HMAC", "ECDSA")])
def test_what_is_signed_in_another_way_is_left_to_boto3(authorization):
    assert address_of("https://x.example/bucket", authorization, bucket="bucket", endpoint="https://x.example") is None


def test_one_connection_serves_many_requests_and_a_token_goes_with_them():
    with serving() as (root, seen):
        way = wire(root, token="temporary")
        assert way.put("a b/ü", b"body", {"if-none-match": "*"})["etag"] == '"e"'
        way.put("big", memoryview(bytes(600_000)), {}, {"partNumber": "2", "uploadId": "i/d"})
    (path, headers, body, client), (second, _, large, again) = seen
    assert (path, body, len(large)) == ("/bucket/a%20b/%C3%BC", b"body", 600_000)
    assert second == "/bucket/big?partNumber=2&uploadId=i%2Fd"
    assert client == again
    assert headers["if-none-match"] == "*"
    assert headers["x-amz-security-token"] == "temporary"
    assert "x-amz-security-token" in headers["authorization"]


def test_a_refusal_is_what_boto3_would_raise():
    with serving(refused(412, "PreconditionFailed"), refused(403, "AccessDenied", "not &amp; you")) as (root, _):
        way = wire(root)
        with pytest.raises(ClientError, match="PreconditionFailed") as taken:
            way.put("x", b"", {})
        with pytest.raises(ClientError, match="not & you") as denied:
            way.put("x", b"", {})
    assert not is_transient(taken.value)
    assert not is_transient(denied.value)


@pytest.mark.parametrize(
    "answer",
    [refused(503, "SlowDown"), refused(500, "InternalError"), refused(400, "RequestTimeout"), b"nonsense\r\n\r\n"],
)
def test_what_may_succeed_the_next_time(answer):
    with serving(answer) as (root, _):
        with pytest.raises(Exception) as caught:
            wire(root).put("x", b"", {})
    assert is_transient(caught.value)


def test_a_connection_that_ended_between_two_requests_is_replaced_without_a_word():
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with serving(closing, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None) as (root, seen):
        way = wire(root)
        for number in range(3):
            way.put(str(number), b"x", {})
    assert [path for path, *_ in seen] == ["/bucket/0", "/bucket/1", "/bucket/2", "/bucket/2"]
    assert len({client for *_, client in seen}) == 3


def test_a_request_is_sent_before_the_answer_to_another_is_read():
    with serving() as (root, seen):
        way = wire(root)
        first, second = way.begin("1", b"one", {}), way.begin("2", b"two", {})
        assert [way.end(one)["etag"] for one in (second, first)] == ['"e"'] * 2
        way.put("3", b"", {})
    assert {path for path, *_ in seen} == {"/bucket/1", "/bucket/2", "/bucket/3"}
    assert len({client for *_, client in seen}) == 2


@pytest.mark.parametrize(
    ("answers", "created"),
    [
        ([], True),
        ([refused(503, "SlowDown"), None], True),
        ([refused(400, "XAmzContentChecksumMismatch")], True),
        ([refused(412, "PreconditionFailed")], False),
    ],
)
def test_what_the_first_try_does_not_do_is_done_as_ever(bucket, answers, created):
    with serving(*answers) as (root, seen):
        bucket.way = wire(root)
        assert bucket.begin_create("x", b"body", bytes(32))() is created
    assert [body for _, _, body, _ in seen] == [b"body"] * (len(answers) + created)
    assert all(headers["if-none-match"] == "*" for _, headers, _, _ in seen)


def test_nobody_there_and_a_refusal_are_errors_of_ours_also_in_two_steps(bucket):
    with serving(refused(403, "AccessDenied")) as (root, _):
        bucket.way = wire(root)
        with pytest.raises(StoreAccessError):
            bucket.begin_create("x", b"body", bytes(32))()
    bucket.way = wire(root)
    with pytest.raises(StoreUnreachableError):
        bucket.begin_create("x", b"body", bytes(32))()


def test_with_a_limit_for_the_bandwidth_it_is_kept_to(bucket):
    with serving() as (root, seen):
        bucket.throttle = Throttle(10**9)
        bucket.way = wire(root, bucket.throttle)
        assert bucket.begin_create("x", b"body", bytes(32))()
    assert len(seen) == 1


def test_an_answer_in_chunks_and_one_after_an_interim_answer_are_read_too():
    chunked = b'HTTP/1.1 200 OK\r\nETag: "c"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
    interim = b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nETag: "i"\r\nContent-Length: 0\r\n\r\n'
    with serving(chunked, interim) as (root, _):
        assert [wire(root).put("x", b"1", {})["etag"] for _ in range(2)] == ['"c"', '"i"']


def test_nobody_there_is_an_error_that_names_the_server_and_is_tried_again():
    with serving() as (root, _):
        pass
    with pytest.raises(EndpointConnectionError, match=root) as caught:
        wire(root).put("x", b"", {})
    assert is_transient(caught.value)


def test_a_proxy_is_asked_for_the_whole_address_and_told_who_asks(monkeypatch):
    with serving() as (proxy, seen):
        monkeypatch.setenv("http_proxy", proxy.replace("//", "//me:p%40ss@"))
        wire("http://s3.example:9000").put("x", b"1", {})
    ((path, headers, _, _),) = seen
    assert path == "http://s3.example:9000/bucket/x"
    assert headers["host"] == "s3.example:9000"
    assert base64.b64decode(headers["Proxy-Authorization"].removeprefix("Basic ")) == b"me:p@ss"


def test_the_bandwidth_is_kept_to_block_by_block():
    taken = []
    throttle = Throttle(10**9)
    throttle.take = taken.append
    with serving() as (root, seen):
        wire(root, throttle).put("x", bytes(600_000), {})
    assert len(seen[0][2]) == 600_000
    assert sum(taken) == 600_000
    assert max(taken) <= 256 << 10
