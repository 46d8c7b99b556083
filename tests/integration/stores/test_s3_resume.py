"""An upload in parts that was killed goes on where it was, with a real S3 server."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlops_ci.stores.base import Upload
from mlops_ci.stores.limits import Limits, StoreOptions
from mlops_ci.stores.open import open_store
from mlops_ci.stores.s3_parts import PART
from support.s3_places import BUCKET

PARTS = 5
# What earlier versions cut a file into.
EARLIER = 8 << 20
PUT = """
import sys
from pathlib import Path
from mlops_ci.stores.limits import Limits, StoreOptions
from mlops_ci.stores.open import open_store
uri, endpoint, key, path, sha256 = sys.argv[1:]
slow = StoreOptions(limits=Limits(bandwidth=16 << 20, concurrency=2))
open_store(uri, endpoint=endpoint, options=slow).put_file(key, Path(path), sha256=sha256)
"""


@pytest.fixture(scope="module")
def content():
    return os.urandom((PARTS - 1) * PART + 1000)


def item(folder, content, key="objects/ab/{}"):
    path = folder / "model.safetensors"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    facts = path.stat()
    return Upload(key=key.format(digest), path=path, sha256=digest, bytes=facts.st_size, modified_ns=facts.st_mtime_ns)


def parts_there(place):
    uploads = place.raw().list_multipart_uploads(Bucket=BUCKET, Prefix=place.prefix).get("Uploads", [])
    return [
        part
        for one in uploads
        for part in place.raw().list_parts(Bucket=BUCKET, Key=one["Key"], UploadId=one["UploadId"]).get("Parts", [])
    ]


def settled(count, patience=1.0):
    """What the server counts once it has ended what was under way when its client was killed."""
    seen, since = count(), time.monotonic()
    while time.monotonic() - since < patience:
        time.sleep(0.1)
        if (now := count()) != seen:
            seen, since = now, time.monotonic()
    return seen


def test_the_next_publisher_after_kill_9_sends_only_what_is_missing(place, tmp_path, content):
    """64 MB and more, killed half-way; a bandwidth limit makes it slow enough, and is kept to."""
    one = item(tmp_path, content)
    argv = [sys.executable, "-c", PUT, place.uri, place.server.endpoint, one.key, str(one.path), one.sha256]
    with subprocess.Popen(argv) as child:
        while len(parts_there(place)) < 2:
            assert child.poll() is None, "16 MB a second is 4 s for this file"
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    there = settled(lambda: len(parts_there(place)))
    assert 2 <= there < PARTS
    seen = []
    assert place.store().put_files([one], on_progress=seen.append) == (1, 0)
    assert place.requests.counts["UploadPart"] == PARTS - there
    assert "CreateMultipartUpload" not in place.requests.counts
    assert (seen[-1].files, seen[-1].bytes) == (1, one.bytes)
    assert place.store().hash_object(one.key).sha256 == one.sha256
    assert place.pending_uploads() == []


def test_a_part_with_other_content_is_sent_again_and_one_of_another_size_too(place, tmp_path, content):
    one = item(tmp_path, content[: 2 * PART + 1000])
    at = {"Bucket": BUCKET, "Key": f"{place.prefix}/{one.key}"}
    begun = place.raw().create_multipart_upload(**at, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    bodies = {1: content[:PART], 2: os.urandom(PART), 3: content[2 * PART : 2 * PART + 999]}
    for number, body in bodies.items():
        place.raw().upload_part(**at, UploadId=begun["UploadId"], PartNumber=number, Body=body)
    assert place.store().put_files([one]) == (1, 0)
    assert place.requests.counts["UploadPart"] == 2
    assert place.store().hash_object(one.key).sha256 == one.sha256


@pytest.mark.parametrize(
    ("step", "numbers", "sent"),
    [
        (EARLIER, (1, 3, 5), 2),
        # How a file was cut of which the end alone is there, nobody knows: all of it is sent, and what was there falls.
        (EARLIER, (5,), 3),
        # Larger parts than ours would take more memory.
        (2 * PART, (1,), 3),
    ],
)
def test_what_a_version_with_other_parts_has_left_is_gone_on_with_or_replaced(
    place, tmp_path, content, step, numbers, sent
):
    one = item(tmp_path, content[: 2 * PART + 1000])
    at = {"Bucket": BUCKET, "Key": f"{place.prefix}/{one.key}"}
    begun = place.raw().create_multipart_upload(**at, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    for number in numbers:
        body = content[(number - 1) * step : min(number * step, one.bytes)]
        place.raw().upload_part(**at, UploadId=begun["UploadId"], PartNumber=number, Body=body)
    seen = []
    assert place.store().put_files([one], on_progress=seen.append) == (1, 0)
    assert place.requests.counts["UploadPart"] == sent
    assert "CreateMultipartUpload" not in place.requests.counts
    assert (seen[-1].files, seen[-1].bytes) == (1, one.bytes)
    assert place.store().hash_object(one.key).sha256 == one.sha256
    assert place.pending_uploads() == []


def test_under_a_key_that_does_not_name_its_content_nothing_is_gone_on_with(place, tmp_path, content):
    one = item(tmp_path, content[: 2 * PART], key="big")
    at = {"Bucket": BUCKET, "Key": f"{place.prefix}/big"}
    begun = place.raw().create_multipart_upload(**at)
    place.raw().upload_part(**at, UploadId=begun["UploadId"], PartNumber=1, Body=content[:PART])
    assert place.store().put_files([one]) == (1, 0)
    assert place.requests.counts["UploadPart"] == 2
    assert place.pending_uploads() == []


def test_an_upload_that_is_collected_meanwhile_is_begun_anew(place, tmp_path, content):
    one = item(tmp_path, content[: 2 * PART])
    at = {"Bucket": BUCKET, "Key": f"{place.prefix}/{one.key}"}
    begun = place.raw().create_multipart_upload(**at)
    store = place.store()
    client, found = store._bucket.client, []

    def collect(**_):
        if not found:
            found.append(place.raw().abort_multipart_upload(**at, UploadId=begun["UploadId"]))

    client.meta.events.register("before-call.s3.ListParts", collect)
    assert store.put_files([one]) == (1, 0)
    assert found
    assert place.store().hash_object(one.key).sha256 == one.sha256


def test_four_publishers_that_go_on_with_the_same_upload_all_succeed(place, tmp_path, content):
    """Whoever completes it first has created it; for the others it is gone or taken."""
    one = item(tmp_path, content[: 2 * PART + 1000])
    at = {"Bucket": BUCKET, "Key": f"{place.prefix}/{one.key}"}
    begun = place.raw().create_multipart_upload(**at, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    place.raw().upload_part(**at, UploadId=begun["UploadId"], PartNumber=1, Body=content[:PART])
    stores = [place.store() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda store: store.put_files([one]), stores))
    assert all(sum(pair) == 1 for pair in done)
    assert (1, 0) in done
    assert place.store().hash_object(one.key).sha256 == one.sha256
    assert place.pending_uploads() == []


def test_transfers_keep_to_the_bandwidth(place, tmp_path, content):
    options = StoreOptions(limits=Limits(bandwidth=8 << 20, concurrency=4))
    store = open_store(place.uri, endpoint=place.server.endpoint, options=options)
    small = [tmp_path / str(number) for number in range(8)]
    for number, path in enumerate(small):
        path.write_bytes(content[number << 20 : (number + 1) << 20])
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in small]
    items = [
        Upload(key=f"o/{digest}", path=path, sha256=digest, bytes=1 << 20)
        for digest, path in zip(digests, small, strict=True)
    ]
    began = time.monotonic()
    store.put_files(items)
    up = time.monotonic() - began
    began = time.monotonic()
    store.hash_object(items[0].key)
    store.hash_object(items[1].key)
    down = time.monotonic() - began
    assert up >= 0.9, "8 MiB at 8 MiB a second, less the first block"
    assert down >= 0.1, "2 MiB at 8 MiB a second, less the last MiB"


def test_no_more_requests_at_once_than_configured(place, tmp_path):
    options = StoreOptions(limits=Limits(concurrency=2))
    store = open_store(place.uri, endpoint=place.server.endpoint, options=options)
    place.requests.watch(store)
    items = []
    for number in range(40):
        path = tmp_path / str(number)
        path.write_bytes(b"%d" % number)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        items.append(Upload(key=f"o/{digest}", path=path, sha256=digest, bytes=path.stat().st_size))
    store.put_files(items)
    assert place.requests.counts["PutObject"] == 40
    assert place.requests.most_at_once <= 2
