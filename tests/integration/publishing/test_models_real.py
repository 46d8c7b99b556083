"""Published models on a real S3 server and a real MLflow: rolled back, listed, cleaned up around, also under kills."""

from __future__ import annotations

import hashlib
import io
import random
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack

import pytest

from mlops_ci.config.load import load
from mlops_ci.console import Console
from mlops_ci.providers.local import local_provider
from mlops_ci.publishing.constants import constants
from mlops_ci.publishing.garbage import collect, garbage
from mlops_ci.publishing.manifest import object_key
from mlops_ci.publishing.publish import publish
from mlops_ci.publishing.reach import Library
from mlops_ci.publishing.verify import verify
from mlops_ci.redaction import Redactor
from mlops_ci.run.workspace import Workspace
from mlops_ci.stages.artifacts import artifacts, pinned, registered
from mlops_ci.stages.champion import MANIFEST_DIGEST_TAG, MANIFEST_TAG
from mlops_ci.stages.premises import Premises
from mlops_ci.stages.rollback import NotRestorableError, check, find, move
from mlops_ci.stores.local import LocalStore
from mlops_ci.tracking.client import Tracker
from support.published import age
from support.s3_places import BUCKET


@pytest.fixture
def premises(place, mlflow_server, tmp_path):
    """A project on both servers."""
    (tmp_path / "mlops.toml").write_text(
        f'[train]\ncommand = "true"\n[tracking]\nuri = "{mlflow_server}"\n'
        f'[publish]\nmodel = "m-{uuid.uuid4().hex[:12]}"\nstore = "{place.uri}"\nendpoint = "{place.server.endpoint}"\n'
    )
    workspace = Workspace(root=tmp_path)
    workspace.prepare()
    console = Console(sink=local_provider({}, io.StringIO()).sink, redactor=Redactor(), verbose=False)
    settings = load(tmp_path / "mlops.toml", cwd=tmp_path, mode=None, environ={})
    return Premises(settings=settings, workspace=workspace, console=console, stack=ExitStack())


def published(premises, number, tmp_path):
    """Version `number`: its objects, its manifest, and its registration."""
    model, run = premises.settings.model, f"20261122-03150{number}-4fe1c2"
    (tmp_path / "pointer").mkdir(exist_ok=True)
    (tmp_path / "pointer" / "pointer.json").write_text("{}")
    (tmp_path / f"{number}").write_bytes(bytes([number]) * 1000)
    facts = {"lineage": {"run": run}, "metrics": {"accuracy": 0.9}, "evaluation": {"verdict": "promote"}}
    done = publish(premises.store, model=model, files=[("model/weights", tmp_path / f"{number}")], **facts)
    tracked = Tracker(premises.registry.connection.uri).start_run(model, run=run)
    version = premises.registry.register(
        model,
        run=run,
        tracking_run_id=tracked.run_id,
        files=tmp_path / "pointer",
        source_uri=f"{done.manifest.store}/{done.manifest.key}",
        tags={MANIFEST_TAG: done.manifest.key, MANIFEST_DIGEST_TAG: done.manifest.sha256},
    )
    return version, done


def test_rolled_back_listed_and_cleaned_up_around(premises, place, tmp_path):
    model, registry, store = premises.settings.model, premises.registry, premises.store
    bundles = [published(premises, number, tmp_path) for number in (1, 2)]
    registry.promote(model, "1", expected=None)
    registry.promote(model, "2", expected="1")

    plan = find(premises, model)
    check(premises, plan)
    assert (plan.from_, plan.to, move(premises, plan, by="somebody")) == ("2", "1", True)
    assert registry.champion(model).tags["mlops.restored_from"] == "2"
    assert find(premises, model).done
    assert registry.aliases(model) == {"candidate": "2", "champion": "1", "previous_champion": "1"}

    library = Library(store)
    rows = artifacts(library, registered(premises, [model]))
    assert [(row.version, row.aliases) for row in rows] == [
        ("2", ("candidate",)),
        ("1", ("champion", "previous_champion")),
    ]
    assert abs(store.now() - time.time()) < 900
    assert pinned(premises, library) == {done.manifest.key for _, done in bundles}

    # What a killed publisher leaves: an object without a manifest, and parts that nobody completes.
    orphan, half = "objects/ab/" + "ab" * 32, "objects/cd/" + "cd" * 32
    store.put_bytes(orphan, b"left", only_if_absent=True)
    at = {"Bucket": BUCKET, "Key": f"{place.prefix}/{half}"}
    upload = place.raw().create_multipart_upload(**at)
    place.raw().upload_part(**at, UploadId=upload["UploadId"], PartNumber=1, Body=b"x")
    assert [one.key for one in store.unfinished()] == [half]
    assert garbage(library, older_than=3600).count == 0, "a publish may still run"
    time.sleep(1.1)  # S3 tells ages in whole seconds
    found = garbage(library, older_than=-1)
    assert ([info.key for info in found.objects], [one.key for one in found.uploads]) == ([orphan], [half])
    swept = collect(library, found)
    assert (swept.deleted, swept.uploads) == (1, 1)
    collect(library, found)  # what two at once do: it is gone already
    assert place.pending_uploads() == []
    assert [verify(store, done.manifest.key) for _, done in bundles] == [[], []]
    left = place.keys()
    assert not [key for key in left if key.startswith(("gc/", "publishing/"))]

    store.delete(bundles[1][1].manifest.key)
    with pytest.raises(NotRestorableError, match="can't be checked"):
        check(premises, find(premises, model, to="2"))
    assert registry.champion(model).version == "1"


COLLECT = """
import sys, time
from mlops_ci.publishing.garbage import collect, garbage
from mlops_ci.publishing.reach import Library
from mlops_ci.stores.open import open_store
library = Library(open_store(sys.argv[1]))
def tell(progress):
    print("deleted", flush=True)
    time.sleep(0.004)
collect(library, garbage(library, older_than=3600), on_progress=tell)
"""


def test_a_collector_killed_at_any_moment_harms_no_publish_and_the_next_one_ends_its_work(tmp_path):
    """Old objects that a publish uses again while collectors delete them, and are killed."""
    store = LocalStore(tmp_path / "store")
    files = []
    for number in range(200):
        path = tmp_path / f"{number}.txt"
        path.write_text(str(number))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        store.put_file(object_key(sha256), path, sha256=sha256)
        files.append((f"outputs/{number}.txt", path))
    age(store, "", 7200)
    chosen = random.Random(20261126)
    manifests, left = [], [200]
    for start in range(0, 120, 40):
        with subprocess.Popen(
            [sys.executable, "-c", COLLECT, store.uri], stdout=subprocess.PIPE, text=True
        ) as collector:
            for _ in range(chosen.randrange(1, 30)):
                collector.stdout.readline()
            collector.kill()
        assert collector.returncode == -signal.SIGKILL
        left.append(len(list(store.list("objects/"))))
        age(store, "gc/", constants().lease + 1)
        some = [files[number] for number in chosen.sample(range(start, start + 40), 10)]
        facts = {"lineage": {"run": str(start)}, "metrics": {}, "evaluation": {}}
        manifests.append(publish(store, model="m", files=some, **facts).manifest.key)
        assert all(verify(store, key) == [] for key in manifests)
    assert 200 > left[1] > left[2] > left[3] > 33, "killed in the middle of it"
    age(store, "", 7200)
    subprocess.run([sys.executable, "-c", COLLECT, store.uri], check=True, stdout=subprocess.DEVNULL)
    assert all(verify(store, key) == [] for key in manifests)
    keys = [info.key for info in store.list()]
    assert len(keys) == 33, "three manifests with ten objects each, and nothing else"
