"""Publishing 1,000 small files to S3: how many requests, and the time against the same requests one after another."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import boto3

from mlops_ci.publishing.publish import publish
from mlops_ci.stores.open import open_store
from support.fixtures_servers import S3Endpoint, own
from support.testbed.s3_server import S3Server

FILES = 1000


def table(folder: Path) -> str:
    """A real S3 server on loopback, fresh."""
    files = []
    for number in range(FILES):
        path = folder / f"{number}.bin"
        path.write_bytes(f"{number}".encode() * 100)
        files.append((f"model/{number}.bin", path))
    with own(S3Server) as exported:
        server = S3Endpoint.of(exported)
        os.environ.update(server.environment)
        client = boto3.client("s3", endpoint_url=server.endpoint)
        buckets = [f"bench-{uuid.uuid4().hex[:10]}" for _ in range(2)]
        for bucket in buckets:
            client.create_bucket(Bucket=bucket)
        started = time.monotonic()
        for name, path in files:
            client.put_object(Bucket=buckets[0], Key=name, Body=path.read_bytes())
        serial = time.monotonic() - started
        store = open_store(f"s3://{buckets[1]}/models", endpoint=server.endpoint)
        first, ours = _publish(store, files)
        again, second = _publish(store, files)
    return (
        "| what | uploaded | reused | time, ratio to 1,000 serial PUTs |\n| --- | --- | --- | --- |\n"
        f"| publish | {first.uploaded} | {first.reused} | {ours / serial:.2f} |\n"
        f"| the same again | {again.uploaded} | {again.reused} | {second / serial:.2f} |\n"
    )


def _publish(store, files):
    started = time.monotonic()
    done = publish(store, model="bench", files=files, lineage={}, metrics={}, evaluation={}, on_progress=None)
    return done.objects, time.monotonic() - started
