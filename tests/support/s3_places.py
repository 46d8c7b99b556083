"""Stores on the real S3 server for tests: each test has a prefix of its own, and counts the requests that it makes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from mlops_ci.stores.open import open_store
from mlops_ci.stores.s3 import S3Store
from mlops_ci.stores.s3_wire import Wire

from .fixtures_servers import S3Endpoint
from .testbed import processes
from .testbed.s3_server import S3Server
from .testbed.state import State

BUCKET = "mlops-ci-tests"


@dataclass
class Requests:
    """What a store asked its server, by operation, and how many requests were under way at once."""

    counts: Counter[str] = field(default_factory=Counter)
    now: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, store: S3Store) -> None:
        """Count boto3's requests by its own events, and those that go the short way where they leave."""
        bucket = store._bucket
        bucket.client.meta.events.register("before-call.s3", self._started)
        bucket.client.meta.events.register("after-call.s3", self._ended)
        way = bucket._wire

        def watched() -> tuple[Any, Callable[[Exception], bool]]:
            wire, lost = way()
            return wire and Watched(wire, self), lost

        bucket._wire = watched  # type: ignore[method-assign]

    def _started(self, model: Any, **_: Any) -> None:
        with self.lock:
            self.counts[model.name] += 1
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)

    def _ended(self, **_: Any) -> None:
        with self.lock:
            self.now -= 1


@dataclass
class Watched:
    """The short way, counted."""

    wire: Wire
    requests: Requests

    def put(self, name: str, body: Any, headers: Any, query: Any = None) -> Any:
        operation = "UploadPart" if query else "PutObject"
        self.requests._started(model=SimpleNamespace(name=operation))
        try:
            return self.wire.put(name, body, headers, query)
        finally:
            self.requests._ended()

    def begin(self, name: str, body: Any, headers: Any) -> Any:
        self.requests._started(model=SimpleNamespace(name="PutObject"))
        return self.wire.begin(name, body, headers)

    def end(self, sent: Any) -> Any:
        try:
            return self.wire.end(sent)
        finally:
            self.requests._ended()


@dataclass
class S3Place:
    """A prefix of a bucket on a server."""

    server: S3Endpoint
    prefix: str
    requests: Requests = field(default_factory=Requests)
    client: Any = None

    @property
    def uri(self) -> str:
        return f"s3://{BUCKET}/{self.prefix}"

    def store(self, below: str = "", *, endpoint: str | None = None) -> S3Store:
        """A store of ours; its requests are counted."""
        store = open_store(f"{self.uri}{below}", endpoint=endpoint or self.server.endpoint)
        assert isinstance(store, S3Store)
        self.requests.watch(store)
        return store

    def raw(self) -> Any:
        """A plain client, for what a user might do behind our back."""
        if self.client is None:
            self.client = raw_client(self.server)
        return self.client

    def put(self, key: str, data: bytes, **more: Any) -> None:
        """Write an object that no code of ours wrote."""
        self.raw().put_object(Bucket=BUCKET, Key=f"{self.prefix}/{key}", Body=data, **more)

    def keys(self) -> list[str]:
        return [info.key for info in self.store().list()]

    def pending_uploads(self) -> list[str]:
        answer = self.raw().list_multipart_uploads(Bucket=BUCKET, Prefix=self.prefix)
        return [upload["Key"] for upload in answer.get("Uploads", [])]


def raw_client(server: S3Endpoint) -> Any:
    return boto3.Session(
        aws_access_key_id=server.access_key, aws_secret_access_key=server.secret_key, region_name=server.region
    ).client(
        "s3", endpoint_url=server.endpoint, config=Config(s3={"addressing_style": "path"}, max_pool_connections=40)
    )


def make_bucket(server: S3Endpoint) -> None:
    """Make the bucket if need be, and wait until it takes objects."""
    client = raw_client(server)
    with contextlib.suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET)
    deadline = time.monotonic() + 60
    while True:
        try:
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"1")
            return
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def empty(server: S3Endpoint, uri: str) -> None:
    """Delete all objects below an address in the bucket."""
    client, prefix = raw_client(server), uri.removeprefix(f"s3://{BUCKET}/")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/"):
        for one in page.get("Contents", []):
            client.delete_object(Bucket=BUCKET, Key=one["Key"])


def use_credentials(monkeypatch: pytest.MonkeyPatch, server: S3Endpoint) -> None:
    """What a user sets; other AWS settings of the machine are out of the way."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


@pytest.fixture
def place(s3_server: S3Endpoint, monkeypatch: pytest.MonkeyPatch) -> S3Place:
    """A prefix for this test alone."""
    use_credentials(monkeypatch, s3_server)
    make_bucket(s3_server)
    return S3Place(server=s3_server, prefix=f"test-{uuid.uuid4().hex[:12]}")


class RestartableS3:
    """A real S3 server that keeps its port and its objects when it is killed and started again."""

    def __init__(self, root: Path) -> None:
        self._state = State(root)
        self._service = S3Server(self._state)
        self._record = self._service.start()
        self._pid = self._record.pid
        self._argv = Path(f"/proc/{self._pid}/cmdline").read_text().rstrip("\0").split("\0")
        self.endpoint = S3Endpoint.of(self._record.environment)
        make_bucket(self.endpoint)

    def kill(self) -> None:
        """`kill -9`, all of it."""
        os.killpg(self._pid, signal.SIGKILL)
        processes.stop(self._pid, *processes.identity(self._pid), grace=0)

    def start(self) -> None:
        """Start it again on the same port with the same objects, and wait until it takes new ones."""
        temporary = self._state.folder("s3/tmp")
        self._pid = processes.launch(
            self._argv,
            log=self._state.log("s3"),
            environment={**os.environ, "TMPDIR": str(temporary)},
            cwd=self._state.root,
        )
        while not self._service.answers(self._record):
            time.sleep(0.1)
        make_bucket(self.endpoint)

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[RestartableS3]:
        root = Path(tempfile.mkdtemp(prefix="mlops-ci-"))
        server = cls(root)
        try:
            yield server
        finally:
            with contextlib.suppress(ProcessLookupError):
                server.kill()
            shutil.rmtree(root, ignore_errors=True)
