"""A whole publication on a real S3 server."""

from __future__ import annotations

import json
import os

import pytest

from mlops_ci.publishing.fetch import fetch
from mlops_ci.publishing.inventory import manifests, orphans
from mlops_ci.publishing.publish import publish
from mlops_ci.publishing.verify import verify
from mlops_ci.stores.errors import ObjectDamagedError, StoreAccessError, StoreConflictError, StoreUnreachableError
from mlops_ci.stores.s3_transfers import LARGE
from support.cutting_proxy import cutting_proxy

FACTS = {
    "lineage": {"commit": "c0ffee", "seed": 0},
    "metrics": {"accuracy": 0.97},
    "evaluation": {"verdict": "promote"},
}


@pytest.fixture
def bundle(tmp_path):
    content = {
        "model/model.safetensors": os.urandom(LARGE + 1000),
        "model/config.json": b"{}",
        "outputs/copy.json": b"{}",
        "outputs/loss.png": os.urandom(50_000),
    }
    for name, data in content.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return [(name, tmp_path / "in" / name) for name in content]


def test_publish_verify_fetch(place, bundle, tmp_path):
    store = place.store()
    done = publish(store, model="digits", files=bundle, **FACTS)
    assert done.manifest.store == place.uri
    assert (done.objects.count, done.objects.uploaded) == (3, 3)
    assert verify(store, done.manifest.key, sha256=done.manifest.sha256) == []
    assert orphans(store) == []
    assert list(manifests(store)) == [done.manifest.key]
    fetch(store, done.manifest.key, tmp_path / "out")
    assert all((tmp_path / "out" / name).read_bytes() == path.read_bytes() for name, path in bundle)

    place.requests.counts.clear()
    again = publish(store, model="digits", files=bundle, **FACTS)
    assert again.manifest == done.manifest
    assert (again.objects.uploaded, again.objects.reused) == (0, 3)
    assert place.requests.counts["UploadPart"] == 0
    assert sum(place.requests.counts.values()) <= 8
    assert place.raw().head_object(Bucket="mlops-ci-tests", Key=f"{place.prefix}/{done.manifest.key}")[
        "ContentType"
    ] == ("application/json")


def test_a_thousand_files_cost_few_questions_besides_their_uploads(place, tmp_path):
    files = []
    for number in range(1000):
        path = tmp_path / f"{number}.txt"
        path.write_text(str(number))
        files.append((f"outputs/{number}.txt", path))
    store = place.store()
    publish(store, model="many", files=files, **FACTS)
    # Besides the objects and the manifest: the notice that it runs, put up and taken down, and a look for collectors,
    # and after the uploads a look whether all is there, the manifest too.
    assert place.requests.counts == {"PutObject": 1002, "ListObjectsV2": 3, "DeleteObject": 1, "GetObject": 1}
    assert place.requests.most_at_once >= 8
    place.requests.counts.clear()
    publish(store, model="many", files=files, **FACTS)
    # One page of the listing does not hold the objects of all the other models: then it is one question per folder.
    assert sum(place.requests.counts.values()) <= 7


def test_verify_tells_missing_truncated_and_altered_apart(place, bundle):
    store = place.store()
    done = publish(store, model="digits", files=bundle, **FACTS)
    keys = {file["name"]: file["key"] for file in json.loads(store.get_bytes(done.manifest.key))["files"]}
    place.put(keys["model/model.safetensors"], b"short")
    place.put(keys["outputs/loss.png"], os.urandom(50_000))
    store.delete(keys["model/config.json"])
    assert {problem.name: problem.kind for problem in verify(store, done.manifest.key)} == {
        "model/model.safetensors": "truncated",
        "outputs/loss.png": "altered",
        "model/config.json": "missing",
        "outputs/copy.json": "missing",
    }


def test_a_damaged_object_is_neither_fetched_nor_published_over(place, bundle, tmp_path):
    store = place.store()
    done = publish(store, model="digits", files=bundle, **FACTS)
    key = next(
        file["key"] for file in json.loads(store.get_bytes(done.manifest.key))["files"] if "loss" in file["name"]
    )
    place.put(key, os.urandom(50_000))
    with pytest.raises(ObjectDamagedError):
        fetch(store, done.manifest.key, tmp_path / "out")
    assert not (tmp_path / "out/outputs/loss.png").exists()
    with pytest.raises(StoreConflictError):
        publish(store, model="digits", files=bundle, **FACTS)


def test_verify_never_takes_a_server_that_can_not_be_asked_for_a_verdict(place, bundle, monkeypatch):
    done = publish(place.store(), model="digits", files=bundle, **FACTS)
    with cutting_proxy(place.server.endpoint) as proxy:
        proxy.cuts, proxy.after = 10_000, 10_000
        with pytest.raises(StoreUnreachableError):
            verify(place.store(endpoint=proxy.endpoint), done.manifest.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-wrong-wrong")
    with pytest.raises(StoreAccessError):
        verify(place.store(), done.manifest.key)
