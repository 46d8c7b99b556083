"""The S3 store against a real S3 server that verifies checksums, conditions and signatures."""

from __future__ import annotations

import hashlib
import math
import os
import threading

import pytest

from mlops_ci.stores import s3_bucket
from mlops_ci.stores.base import Download, Upload
from mlops_ci.stores.errors import (
    FileChangedError,
    ObjectChangedError,
    ObjectDamagedError,
    ObjectMissingError,
    StoreConflictError,
)
from mlops_ci.stores.measure import measure
from mlops_ci.stores.s3_parts import PART
from mlops_ci.stores.s3_transfers import LARGE
from support.s3_places import BUCKET

BIG = LARGE + LARGE // 2


def sha(data):
    return hashlib.sha256(data).hexdigest()


def file(folder, name, data):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def upload(key, path):
    facts = measure(path)
    return Upload(key=key, path=path, sha256=facts.sha256, bytes=facts.bytes, modified_ns=facts.modified_ns)


def at_once(count, call):
    """What `count` threads get that call at the same moment."""
    barrier, results = threading.Barrier(count), {}

    def one(number):
        barrier.wait()
        results[number] = call(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count
    return results


def test_an_object_is_created_once_and_found_again(place, tmp_path):
    store = place.store()
    path = file(tmp_path, "f", b"content")
    assert store.uri == place.uri
    assert store.head("objects/ab/x") is None
    assert store.put_file("objects/ab/x", path, sha256=sha(b"content")) is True
    assert store.put_file("objects/ab/x", path, sha256=sha(b"content")) is False
    assert store.get_bytes("objects/ab/x") == b"content"
    head = store.head("objects/ab/x")
    assert (head.bytes, head.sha256) == (7, sha(b"content"))
    assert store.hash_object("objects/ab/x").sha256 == sha(b"content")
    store.download("objects/ab/x", tmp_path / "out/x", sha256=sha(b"content"))
    assert (tmp_path / "out/x").read_bytes() == b"content"
    store.delete("objects/ab/x")
    store.delete("objects/ab/x")
    assert store.head("objects/ab/x") is None


def test_an_empty_file_is_an_object_too(place, tmp_path):
    store = place.store()
    assert store.put_file("empty", file(tmp_path, "f", b""), sha256=sha(b"")) is True
    store.download("empty", tmp_path / "out", sha256=sha(b""))
    assert (tmp_path / "out").read_bytes() == b""


def test_names_with_spaces_and_umlauts(place, tmp_path):
    store = place.store()
    key = "outputs/größe + 100%/a=b?c#d.png"
    store.put_file(key, file(tmp_path, "f", b"1"), sha256=sha(b"1"))
    assert [info.key for info in store.list()] == [key]
    assert store.get_bytes(key) == b"1"


def test_a_prefix_holds_only_what_is_below_it(place):
    place.put("data/1", b"1")
    place.put("data2/1", b"2")
    store = place.store("/data/")
    assert [info.key for info in store.list()] == ["1"]
    assert store.get_bytes("1") == b"1"


def test_listings_go_over_pages(place, tmp_path, monkeypatch):
    monkeypatch.setattr(s3_bucket, "PAGE", 20)
    store = place.store()
    path = file(tmp_path, "f", b"1")
    store.put_files([upload(f"a/{i:02}", path) for i in range(45)])
    place.requests.counts.clear()
    assert len(list(store.list("a/"))) == 45
    assert place.requests.counts == {"ListObjectsV2": 3}
    assert len(list(store.list("a/1"))) == 10


def test_a_thousand_small_files_are_not_a_thousand_serial_round_trips(place, tmp_path):
    items = [upload(sha(str(i).encode()), file(tmp_path, f"in/{i}", str(i).encode())) for i in range(1000)]
    store = place.store()
    assert store.put_files(items) == (1000, 0)
    assert place.requests.counts == {"ListObjectsV2": 2, "PutObject": 1000}, "a look before, and one after"
    assert place.requests.most_at_once >= 8
    place.requests.counts.clear()
    assert store.put_files(items) == (0, 1000)
    assert sum(place.requests.counts.values()) == 1
    place.requests.counts.clear()
    targets = [
        Download(key=one.key, path=tmp_path / "out" / one.key, bytes=one.bytes, sha256=one.sha256) for one in items
    ]
    store.download_files(targets)
    assert place.requests.counts == {"GetObject": 1000}
    assert place.requests.most_at_once >= 8


def test_what_is_there_of_many_is_found_in_a_store_of_many_pages(place, tmp_path, monkeypatch):
    monkeypatch.setattr(s3_bucket, "PAGE", 20)
    items = [upload(f"objects/{i % 4}/{i:02}", file(tmp_path, f"in/{i}", str(i).encode())) for i in range(64)]
    store = place.store()
    assert store.put_files(items[:56]) == (56, 0)
    place.requests.counts.clear()
    assert store.put_files(items) == (8, 56)
    assert place.requests.counts["PutObject"] == 8
    assert place.requests.counts["ListObjectsV2"] <= 8
    assert set(place.requests.counts) == {"PutObject", "ListObjectsV2"}


def test_a_large_file_goes_in_parts_and_comes_back(place, tmp_path):
    item = upload("big", file(tmp_path, "big", os.urandom(BIG)))
    store, seen = place.store(), []
    assert store.put_files([item], on_progress=seen.append) == (1, 0)
    parts = math.ceil(BIG / PART)
    assert place.requests.counts["UploadPart"] == parts > 1
    assert (seen[-1].files, seen[-1].bytes) == (1, BIG)
    assert len(seen) == parts + 1, "each part is told, and the file"
    head = store.head("big")
    assert (head.bytes, head.sha256) == (BIG, item.sha256)
    assert store.hash_object("big").sha256 == item.sha256
    assert store.put_file("big", item.path, sha256=item.sha256) is False
    store.download("big", tmp_path / "out", sha256=item.sha256)
    assert measure(tmp_path / "out").sha256 == item.sha256
    assert place.pending_uploads() == []


def test_of_eight_writers_of_one_key_exactly_one_wins(place):
    store = place.store()
    for round_ in range(5):
        results = at_once(
            8, lambda n, key=f"lease-{round_}": store.put_bytes(key, str(n).encode(), only_if_absent=True)
        )
        winners = [number for number, won in results.items() if won]
        assert len(winners) == 1
        assert store.get_bytes(f"lease-{round_}") == str(winners[0]).encode()
    assert store.put_bytes("lease-0", b"later", only_if_absent=False) is True
    assert store.get_bytes("lease-0") == b"later"


# SeaweedFS asks and writes in two steps where parts are completed: several of those who finish at once may be told
# that they created the object. Its content is the same, whoever wins.
@pytest.mark.parametrize(("size", "creators"), [(1000, {1}), (BIG, {1, 2, 3, 4})], ids=["one request", "parts"])
def test_four_publishers_of_one_file_all_succeed_and_leave_it_whole(place, tmp_path, size, creators):
    path = file(tmp_path, "f", os.urandom(size))
    digest = measure(path).sha256
    results = at_once(4, lambda _: place.store().put_file("same", path, sha256=digest))
    assert sum(results.values()) in creators
    assert place.store().hash_object("same").sha256 == digest
    assert place.pending_uploads() == []


@pytest.mark.parametrize("size", [1000, BIG])
def test_other_content_under_a_taken_key_is_a_conflict_and_changes_nothing(place, tmp_path, size):
    store = place.store()
    one, two = os.urandom(size), os.urandom(size)
    store.put_file("x", file(tmp_path, "one", one), sha256=sha(one))
    with pytest.raises(StoreConflictError) as caught:
        store.put_file("x", file(tmp_path, "two", two), sha256=sha(two))
    assert caught.value.exit_code == 4
    with pytest.raises(StoreConflictError):
        store.put_files([upload("x", tmp_path / "two"), upload("y", tmp_path / "one")])
    assert store.hash_object("x").sha256 == sha(one)
    longer = file(tmp_path, "longer", two + b"1")
    with pytest.raises(StoreConflictError):
        store.put_file("x", longer, sha256=sha(two + b"1"))


@pytest.mark.parametrize("size", [1000, BIG])
def test_an_object_of_another_tool_is_used_if_its_content_is_right(place, tmp_path, size):
    data = os.urandom(size)
    place.put("a", data)
    place.put("b", data)
    store = place.store()
    path = file(tmp_path, "f", data)
    assert store.put_file("a", path, sha256=sha(data)) is False
    assert store.put_files([upload("a", path), upload("b", path)]) == (0, 2)


def test_the_server_refuses_a_small_file_that_is_not_what_its_digest_says(place, tmp_path):
    store = place.store()
    with pytest.raises(FileChangedError) as caught:
        store.put_file("x", file(tmp_path, "f", b"changed"), sha256=sha(b"before!"))
    assert caught.value.exit_code == 10
    assert store.head("x") is None


def test_a_large_file_that_changed_since_it_was_hashed_is_not_published(place, tmp_path):
    item = upload("x", file(tmp_path, "big", os.urandom(BIG)))
    os.utime(item.path, ns=(1, 1))
    with pytest.raises(FileChangedError):
        place.store().put_files([item])
    assert place.keys() == []


def test_a_large_file_that_changes_during_the_upload_does_not_stay(place, tmp_path):
    item = upload("x", file(tmp_path, "big", os.urandom(BIG)))

    def touch(_):
        os.utime(item.path, ns=(1, 1))

    with pytest.raises(FileChangedError):
        place.store().put_files([item], on_progress=touch)
    assert place.keys() == []
    assert place.pending_uploads() == []


def test_parts_that_a_killed_publisher_left_are_freed_by_the_next(place, tmp_path):
    client = place.raw()
    client.create_multipart_upload(Bucket=BUCKET, Key=f"{place.prefix}/big")
    client.create_multipart_upload(Bucket=BUCKET, Key=f"{place.prefix}/big-other")
    item = upload("big", file(tmp_path, "big", os.urandom(BIG)))
    place.store().put_files([item])
    assert place.pending_uploads() == [f"{place.prefix}/big-other"]


@pytest.mark.parametrize("size", [1000, BIG])
def test_a_damaged_object_never_becomes_a_file(place, tmp_path, size):
    data = os.urandom(size)
    place.put("x", os.urandom(size))
    store = place.store()
    with pytest.raises(ObjectDamagedError) as caught:
        store.download("x", tmp_path / "out", sha256=sha(data))
    assert caught.value.exit_code == 4
    with pytest.raises(ObjectDamagedError, match="bytes, expected"):
        store.download_files([Download(key="x", path=tmp_path / "out", bytes=size - 1 if size < LARGE else LARGE + 1)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [1000, BIG])
def test_an_object_that_is_replaced_between_listing_and_download(place, tmp_path, size):
    place.put("x", os.urandom(size))
    store = place.store()
    info = next(iter(store.list()))
    place.put("x", os.urandom(size))
    with pytest.raises(ObjectChangedError) as caught:
        store.download_files([Download(key="x", path=tmp_path / "out", bytes=info.bytes, etag=info.etag)])
    assert caught.value.exit_code == 10
    assert list(tmp_path.iterdir()) == []


def test_a_missing_object_is_an_answer(place, tmp_path):
    store = place.store()
    for call in (store.get_bytes, store.hash_object, lambda key: store.download(key, tmp_path / "out")):
        with pytest.raises(ObjectMissingError) as caught:
            call("absent")
        assert caught.value.exit_code == 2
    with pytest.raises(ObjectMissingError):
        store.download_files([Download(key="absent", path=tmp_path / "out", bytes=LARGE)])
    assert store.head("absent") is None
    assert list(tmp_path.iterdir()) == []
