"""`kill -9` of a publisher at seeded moments, then the same again: always the same final state."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys

import pytest

from mlops_ci.publishing.inventory import manifests, orphans
from mlops_ci.publishing.verify import verify
from mlops_ci.stores.open import open_store
from mlops_ci.stores.s3_transfers import LARGE

PUBLISH = """
import json, os, sys
from pathlib import Path
from mlops_ci.publishing.publish import publish
from mlops_ci.stores.open import open_store
source, uri = Path(sys.argv[1]), sys.argv[2]
store = open_store(uri, endpoint=os.environ.get("ENDPOINT"))
files = [(path.relative_to(source).as_posix(), path) for path in source.rglob("*") if path.is_file()]
tell = lambda progress: print("progress", flush=True)
done = publish(store, model="digits", files=files, lineage={"commit": "c0ffee", "run": "r1"},
               metrics={"accuracy": 0.97}, evaluation={"verdict": "promote"}, on_progress=tell)
print(json.dumps([done.manifest.key, done.manifest.sha256, done.objects.count]))
"""
SEED = 20261122
KILLS = 4


@pytest.fixture
def bundle(tmp_path):
    source = tmp_path / "in"
    (source / "model").mkdir(parents=True)
    (source / "outputs").mkdir()
    (source / "model" / "model.safetensors").write_bytes(random.Random(SEED).randbytes(LARGE + 5000))
    for number in range(200):
        (source / "outputs" / f"{number}.json").write_text(json.dumps({"number": number // 2}))
    return source


def start(source, uri, endpoint):
    environment = {**os.environ, **({"ENDPOINT": endpoint} if endpoint else {})}
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(source), uri], stdout=subprocess.PIPE, text=True, env=environment
    )


def finish(source, uri, endpoint):
    """What an undisturbed call prints: the answer, and how many signs of progress come before it."""
    with start(source, uri, endpoint) as child:
        *progress, answer = child.stdout.read().splitlines()
    assert child.returncode == 0
    return json.loads(answer), len(progress)


def kill_after(lines, source, uri, endpoint):
    """Whether it was killed in time, which is after that many signs of progress."""
    with start(source, uri, endpoint) as child:
        for _ in range(lines):
            child.stdout.readline()
        child.kill()
    return child.returncode == -signal.SIGKILL


def contents(store):
    return {info.key: store.hash_object(info.key).sha256 for info in store.list()}


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_killed_at_any_moment_and_run_again(kind, bundle, tmp_path, place):
    endpoint = place.server.endpoint if kind == "s3" else None
    undisturbed = f"{place.uri}/calm" if kind == "s3" else str(tmp_path / "calm")
    disturbed = f"{place.uri}/killed" if kind == "s3" else str(tmp_path / "killed")
    expected, lines = finish(bundle, undisturbed, endpoint)
    moments = [0, *sorted(random.Random(SEED).sample(range(lines), KILLS)), lines]
    store = open_store(disturbed, endpoint=endpoint)
    killed, states = 0, set()
    for moment in moments:
        killed += kill_after(moment, bundle, disturbed, endpoint)
        states.add(len(contents(store)))
        for key in manifests(store):  # a manifest is there only if everything that it names is
            assert verify(store, key) == []
        for key, sha256 in contents(store).items():
            assert not key.startswith("objects/") or key.endswith(sha256), "half an object has a name"
    assert killed >= KILLS
    assert len(states) >= KILLS // 2, "the kills did not hit the middle of anything"
    answer, _ = finish(bundle, disturbed, endpoint)
    assert answer == expected
    assert contents(store) == contents(open_store(undisturbed, endpoint=endpoint))
    assert verify(store, answer[0], sha256=answer[1]) == []
    assert orphans(store) == []
    assert answer[2] == 101
    assert place.pending_uploads() == []
    if kind == "local":
        files = {
            path.relative_to(tmp_path / "killed").as_posix()
            for path in (tmp_path / "killed").rglob("*")
            if path.is_file()
        }
        assert files == set(contents(store))


def test_the_manifest_is_the_same_on_every_store(bundle, tmp_path, place):
    local, _ = finish(bundle, str(tmp_path / "store"), None)
    remote, _ = finish(bundle, place.uri, place.server.endpoint)
    assert local == remote
    data = open_store(str(tmp_path / "store")).get_bytes(local[0])
    assert hashlib.sha256(data).hexdigest() == local[1]
    assert local[0] == f"models/digits/{local[1][:16]}/manifest.json"
