"""What users see, and what is left, when the S3 server says no, is away, breaks off, or is killed."""

from __future__ import annotations

import hashlib
import http.server
import os
import ssl
import subprocess
import threading
import time

import pytest

from mlops_ci.network import RetryPolicy
from mlops_ci.stores.base import Upload
from mlops_ci.stores.errors import (
    FileChangedError,
    ObjectLostError,
    StoreAccessError,
    StoreAddressError,
    StoreCertificateError,
    StoreUnreachableError,
)
from mlops_ci.stores.measure import measure
from mlops_ci.stores.open import open_store
from mlops_ci.stores.s3_transfers import LARGE
from support.cutting_proxy import cutting_proxy
from support.fault_proxy import Rule, fault_proxy
from support.s3_places import RestartableS3, S3Place, use_credentials
from support.testbed.ports import free_ports


def upload(key, path):
    facts = measure(path)
    return Upload(key=key, path=path, sha256=facts.sha256, bytes=facts.bytes, modified_ns=facts.modified_ns)


def files(folder, count, size=2000):
    folder.mkdir(parents=True, exist_ok=True)
    items = []
    for number in range(count):
        path = folder / str(number)
        path.write_bytes(os.urandom(size))
        items.append(upload(f"objects/{number}", path))
    return items


def calls(store, tmp_path):
    """Everything that a store can be asked for."""
    items = files(tmp_path / "in", 2)
    return {
        "put_file": lambda: store.put_file("x", items[0].path, sha256=items[0].sha256),
        "put_files": lambda: store.put_files(items),
        "put_bytes": lambda: store.put_bytes("x", b"1", only_if_absent=True),
        "get_bytes": lambda: store.get_bytes("x"),
        "head": lambda: store.head("x"),
        "hash_object": lambda: store.hash_object("x"),
        "list": lambda: list(store.list()),
        "download": lambda: store.download("x", tmp_path / "out"),
        "delete": lambda: store.delete("x"),
    }


@pytest.mark.parametrize("wrong", ["secret", "key", "none"])
def test_refused_credentials(place, tmp_path, monkeypatch, wrong, caplog):
    place.put("x", b"1")
    secret = "not-the-secret-0123456789"
    if wrong == "secret":
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    elif wrong == "key":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKNOBODY00000000")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    else:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = place.store()
    for name, call in calls(store, tmp_path).items():
        started = time.monotonic()
        with pytest.raises(StoreAccessError) as caught:
            call()
        assert time.monotonic() - started < 5, f"{name}: not retried"
        assert caught.value.exit_code == 3
        assert place.server.endpoint in caught.value.cause
        assert "AWS_ACCESS_KEY_ID" in caught.value.hint
        assert "AWS_SECRET_ACCESS_KEY" in caught.value.hint
        shown = f"{caught.value.cause} {caught.value.hint} {caught.value.details} {caplog.text}"
        assert secret not in shown
        assert place.server.secret_key not in shown
    assert not (tmp_path / "out").exists()


def test_a_bucket_that_does_not_exist_is_no_missing_object(place, tmp_path):
    store = open_store("s3://absent-bucket-of-nobody/prefix", endpoint=place.server.endpoint)
    asked = calls(store, tmp_path)
    # This server makes a bucket when an administrator writes an object into it; nobody may write before asking.
    for name in ("put_file", "put_files", "get_bytes", "head", "hash_object", "list", "download"):
        with pytest.raises(StoreAddressError) as caught:
            asked[name]()
        assert caught.value.exit_code == 2
        assert "bucket" in caught.value.hint or "bucket" in caught.value.cause
    assert "absent-bucket-of-nobody" not in {one["Name"] for one in place.raw().list_buckets()["Buckets"]}


def test_a_server_that_is_down_is_an_infrastructure_failure_after_some_attempts(place, tmp_path):
    (port,) = free_ports(1)
    store = place.store(endpoint=f"http://127.0.0.1:{port}")
    for call in (calls(store, tmp_path)["put_files"], calls(store, tmp_path)["head"]):
        started = time.monotonic()
        with pytest.raises(StoreUnreachableError) as caught:
            call()
        assert time.monotonic() - started < 30
        assert caught.value.exit_code == 10
        assert f"127.0.0.1:{port}" in caught.value.cause
        assert "run the stage again" in caught.value.hint


def test_a_server_that_is_overloaded_is_asked_as_often_as_the_policy_says(place):
    """No server of ours says SlowDown on demand: this one says nothing else."""
    seen = []

    class Busy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
            self.send_response(503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with pytest.raises(StoreUnreachableError, match="SlowDown"):
                place.store(endpoint=f"http://127.0.0.1:{server.server_address[1]}").get_bytes("x")
        finally:
            server.shutdown()
            thread.join()
    assert len(seen) == RetryPolicy().attempts


def test_a_server_that_is_no_s3_server(place, tmp_path):
    """For example the address of a web page, or of another service of the site."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"<html><body>Welcome!<br></body></html>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with pytest.raises((StoreAddressError, StoreUnreachableError)) as caught:
                list(place.store(endpoint=f"http://127.0.0.1:{server.server_address[1]}").list())
        finally:
            server.shutdown()
            thread.join()
    assert f"127.0.0.1:{server.server_address[1]}" in caught.value.cause
    assert "endpoint" in caught.value.hint


@pytest.mark.parametrize("size", [1000, LARGE])
def test_a_file_that_is_gone_is_named(place, tmp_path, size):
    item = files(tmp_path / "in", 1, size)[0]
    item.path.unlink()
    with pytest.raises(FileChangedError, match="0 is gone"):
        place.store().put_files([item])
    with pytest.raises(FileChangedError, match="0 is gone"):
        place.store().put_file("x", item.path, sha256=item.sha256)


@pytest.mark.parametrize("size", [1_000_000, LARGE + 1_000_000])
def test_a_download_that_breaks_off_is_tried_again(place, tmp_path, size):
    data = os.urandom(size)
    place.put("x", data)
    with cutting_proxy(place.server.endpoint) as proxy:
        proxy.cuts, proxy.after = 2, 300_000
        store = place.store(endpoint=proxy.endpoint)
        store.download("x", tmp_path / "out", sha256=hashlib.sha256(data).hexdigest())
        assert proxy.cut == 2
        proxy.cuts += 1
        assert store.hash_object("x").bytes == size
        assert proxy.cut == 3
    assert (tmp_path / "out").read_bytes() == data


def test_a_download_that_always_breaks_off_leaves_nothing(place, tmp_path):
    place.put("x", os.urandom(1_000_000))
    with cutting_proxy(place.server.endpoint) as proxy:
        proxy.cuts, proxy.after = 10_000, 300_000
        with pytest.raises(StoreUnreachableError) as caught:
            place.store(endpoint=proxy.endpoint).download("x", tmp_path / "out")
    assert caught.value.exit_code == 10
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that no system trusts, and its key."""
    names = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names.split()]
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return tmp_path / "cert.pem", context


def test_tls_with_a_site_s_own_authority(place, certificate, tmp_path):
    bundle, context = certificate
    place.put("x", b"1")
    with cutting_proxy(place.server.endpoint, tls=context) as proxy:
        with pytest.raises(StoreCertificateError) as caught:
            open_store(place.uri, endpoint=proxy.endpoint).get_bytes("x")
        assert caught.value.exit_code == 3
        assert "ca-bundle" in caught.value.hint
        store = open_store(place.uri, endpoint=proxy.endpoint, ca_bundle=bundle)
        assert store.get_bytes("x") == b"1"
        items = files(tmp_path / "in", 3)
        assert store.put_files(items) == (3, 0)
        assert store._bucket._wires, "they went the short way"
    assert place.store().hash_object(items[0].key).sha256 == items[0].sha256


def test_a_server_killed_half_way_and_started_again_ends_in_the_same_state(tmp_path, monkeypatch):
    items = files(tmp_path / "in", 300)
    big = tmp_path / "in" / "big"
    big.write_bytes(os.urandom(2 * LARGE))
    items.append(upload("objects/big", big))
    with RestartableS3.running() as server:
        use_credentials(monkeypatch, server.endpoint)
        place = S3Place(server=server.endpoint, prefix="run")

        def kill_it(progress):
            if progress.files == 100:
                server.kill()

        with pytest.raises(StoreUnreachableError) as caught:
            place.store().put_files(items, on_progress=kill_it)
        assert caught.value.exit_code == 10
        server.start()
        uploaded, reused = place.store().put_files(items)
        assert reused >= 90
        assert uploaded + reused == 301
        store = place.store()
        assert {info.key for info in store.list()} == {item.key for item in items}
        assert all(store.hash_object(item.key).sha256 == item.sha256 for item in items[::25])
        assert store.hash_object("objects/big").sha256 == items[-1].sha256


SMALL, PARTS = r"/objects/[^?]*$", "partNumber="


@pytest.mark.parametrize(
    "rule",
    [
        Rule("swallow", method="PUT", path=SMALL, times=2),
        Rule("damage_request", method="PUT", path=SMALL, times=2),
        Rule("swallow", method="PUT", path=PARTS, times=1),
        Rule("damage_request", method="PUT", path=PARTS, times=1),
    ],
    ids=["lost object", "damaged object", "lost part", "damaged part"],
)
def test_what_is_lost_or_damaged_on_the_way_is_sent_again(place, tmp_path, rule):
    items = files(tmp_path / "in", 5)
    big = tmp_path / "in" / "big"
    big.write_bytes(os.urandom(LARGE + 1000))
    items.append(upload("objects/big", big))
    with fault_proxy(place.server.endpoint) as proxy:
        proxy.play(rule)
        assert place.store(endpoint=proxy.uri).put_files(items) == (6, 0)
        assert proxy.played == rule.times
    store = place.store()
    assert all(store.hash_object(item.key).sha256 == item.sha256 for item in items)


def test_a_server_that_keeps_nothing_is_not_believed(place, tmp_path):
    with fault_proxy(place.server.endpoint) as proxy:
        proxy.play(Rule("swallow", method="PUT"))
        with pytest.raises(ObjectLostError, match="has it not") as caught:
            place.store(endpoint=proxy.uri).put_files(files(tmp_path / "in", 3))
        assert caught.value.exit_code == 10


def test_a_bucket_elsewhere_that_names_no_region_is_a_wrong_address(place):
    """botocore follows such an answer until Python's stack is full."""
    body = "<Error><Code>PermanentRedirect</Code><Message>Use another endpoint.</Message></Error>"
    with fault_proxy(place.server.endpoint) as proxy:
        proxy.play(Rule("answer", status=301, body=body))
        with pytest.raises(StoreAddressError) as caught:
            place.store(endpoint=proxy.uri).put_bytes("x", b"1", only_if_absent=True)
        assert caught.value.exit_code == 2
