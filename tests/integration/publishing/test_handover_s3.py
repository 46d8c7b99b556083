"""A run handed on through a real S3 server: what travels, what it takes, and how it can fail."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest

from mlops_ci.orchestrators.callers.policies import to_hand_on
from mlops_ci.publishing.gather import gather
from mlops_ci.publishing.parts import push
from mlops_ci.records.codec import to_json
from mlops_ci.run.run import HandoverError
from mlops_ci.stores.errors import ObjectDamagedError, StoreAccessError, StoreUnreachableError
from mlops_ci.stores.s3_transfers import LARGE
from support.cutting_proxy import cutting_proxy
from support.run_folder import a_record, make_run, write_files
from support.s3_places import use_credentials

MODEL = "train/model/model.safetensors"
# What S3 allows is said in actions; see `tests/integration/stores/test_s3_policy.py`.
ALLOWED = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListObjectsV2": "s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
}
PUSH = """
import sys
from pathlib import Path
from mlops_ci.publishing.parts import push
from mlops_ci.run.run import open_run
from mlops_ci.stores.open import open_store
runs, run, uri, endpoint = sys.argv[1:]
tell = lambda progress: print("progress", flush=True)
push(open_store(uri, endpoint=endpoint), open_run(Path(runs), run), job="train", attempt=1, stages=("train",),
     on_progress=tell)
"""


@pytest.fixture
def run(tmp_path):
    """A run whose training left a model of more than one part, and many small files."""
    made = make_run(tmp_path / "one" / ".mlops")
    write_files(made, {f"train/outputs/{number}.json": str(number) for number in range(50)})
    made.path(MODEL).parent.mkdir(parents=True)
    made.path(MODEL).write_bytes(random.Random(5).randbytes(LARGE + 1000))
    made.write(a_record(made, "train", outputs={"model": [to_json(made.file(made.path(MODEL)))]}))
    return made


def test_only_what_is_not_there_travels_and_the_role_for_it_is_enough(place, run, tmp_path):
    store, there = place.store(), tmp_path / "two" / ".mlops"
    first = push(store, run, job="train", attempt=1, stages=("train",))
    assert (first.uploaded, first.reused) == (53, 0)
    place.requests.counts.clear()
    assert push(store, run, job="train", attempt=2, stages=("train",)).uploaded == 0
    assert place.requests.counts["UploadPart"] == 0
    assert place.requests.counts["PutObject"] == 1, "the manifest of the second attempt"

    light = gather(store, run.id, there, light=True)
    assert (light.files, light.run.path(MODEL).exists()) == (2, False)
    place.requests.counts.clear()
    whole = gather(store, run.id, there)
    assert whole.files == 51
    assert whole.run.path(MODEL).read_bytes() == run.path(MODEL).read_bytes()
    assert gather(store, run.id, there).bytes == 0

    statements = to_hand_on(place.uri, "")["Statement"]
    actions = {action for one in statements for action in one["Action"]}
    assert {ALLOWED[name] for name in place.requests.counts} <= actions
    keys = place.keys()
    assert all(key.startswith("handover/") for key in keys)
    assert statements[0]["Resource"].endswith(f"{place.prefix}/handover/*")


def test_killed_while_it_hands_on_nothing_counts_and_the_same_again_completes_it(place, run, tmp_path):
    argv = [sys.executable, "-c", PUSH, str(run.folder.parent), run.id, place.uri, place.server.endpoint]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert child.stdout is not None
    for _ in range(20):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    store = place.store()
    assert place.keys()
    with pytest.raises(HandoverError, match="nothing of run"):
        gather(store, run.id, tmp_path / "two" / ".mlops")
    done = push(store, run, job="train", attempt=1, stages=("train",))
    assert done.reused > 0
    assert gather(store, run.id, tmp_path / "two" / ".mlops").run.record("train").done


def test_a_cut_connection_a_refusal_and_a_changed_object_leave_no_half_of_a_run(place, run, tmp_path, monkeypatch):
    push(place.store(), run, job="train", attempt=1, stages=("train",))
    there = tmp_path / "two" / ".mlops"
    with cutting_proxy(place.server.endpoint) as proxy:
        proxy.cuts, proxy.after = 10_000, 10_000
        with pytest.raises(StoreUnreachableError) as raised:
            gather(place.store(endpoint=proxy.endpoint), run.id, there)
    assert raised.value.exit_code == 10
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-wrong-wrong")
    with pytest.raises(StoreAccessError) as refused:
        push(place.store(), run, job="train", attempt=2, stages=("train",))
    assert refused.value.exit_code == 3
    monkeypatch.undo()
    use_credentials(monkeypatch, place.server)
    place.put(f"handover/{run.id}/files/{run.file(run.path(MODEL)).sha256}", b"short")
    with pytest.raises(ObjectDamagedError):
        gather(place.store(), run.id, there)
    assert not (there / "runs").exists()
