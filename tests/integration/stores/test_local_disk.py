"""The local store on disks that are full or refuse us, and writers that are killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from mlops_ci.stores.local import LocalStore
from support.restricted import without_override

PUT = """
import json, resource, sys
from pathlib import Path
from mlops_ci.errors import MlopsError
from mlops_ci.stores.local import LocalStore
from mlops_ci.stores.measure import measure
folder, file, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    store = LocalStore(Path(folder))
    print(json.dumps(["stored", store.put_file("x", Path(file), sha256=measure(Path(file)).sha256)]))
except MlopsError as error:
    print(json.dumps([error.failure_class, error.exit_code, error.cause, error.hint]))
"""

MANY = """
import sys
from pathlib import Path
from mlops_ci.stores.base import Upload
from mlops_ci.stores.local import LocalStore
from mlops_ci.stores.measure import measure
store = LocalStore(Path(sys.argv[1]))
items = []
for path in sorted(Path(sys.argv[2]).iterdir()):
    facts = measure(path)
    key = f"objects/{facts.sha256[:2]}/{facts.sha256}"
    items.append(Upload(key=key, path=path, sha256=facts.sha256, bytes=facts.bytes))
print("ready", flush=True)
store.put_files(items)
"""


def put(folder, file, *, limit=0, wrap=()):
    argv = [*wrap, sys.executable, "-c", PUT, str(folder), str(file), str(limit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_file_that_does_not_fit_leaves_nothing(tmp_path):
    big = tmp_path / "big"
    big.write_bytes(os.urandom(2_000_000))
    (tmp_path / "store").mkdir()
    kind, code, cause, hint = put(tmp_path / "store", big, limit=1_000_000)
    assert (kind, code) == ("store-full", 10)
    assert "File too large" in cause
    assert "mlops-ci clean" in hint
    assert everything(tmp_path / "store") == []
    assert put(tmp_path / "store", big) == ["stored", True]


def test_a_full_disk_leaves_nothing(tmp_path):
    big = tmp_path / "big"
    big.write_bytes(os.urandom(2_000_000))
    store = tmp_path / "store"
    store.mkdir()
    script = 'mount -t tmpfs -o size=1m none "$0" && "$@"; code=$?; find "$0" -type f; exit $code'
    argv = [sys.executable, "-c", PUT, str(store), str(big), "0"]
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script, str(store), *argv],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "unshare" in done.stderr:
        pytest.skip(f"no mount of one's own here: {done.stderr.strip()}")
    kind, code, cause, _ = json.loads(done.stdout)  # and nothing after it: no file is left on that disk
    assert (kind, code) == ("store-full", 10)
    assert "No space left on device" in cause


def test_a_folder_that_may_not_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    folder = tmp_path / "store"
    folder.mkdir()
    folder.chmod(0o555)
    kind, code, cause, hint = put(folder, tmp_path / "file", wrap=without_override())
    assert (kind, code) == ("store-access", 3)
    assert "Permission denied" in cause
    assert str(folder) in cause
    assert "write permission" in hint
    assert everything(folder) == []


def test_writers_killed_at_any_moment_leave_no_half_object_and_the_next_one_finishes(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for number in range(150):
        (source / str(number)).write_bytes(os.urandom(200_000 if number % 10 == 0 else 3_000))
    seed = 20261122
    moments = random.Random(seed)
    store = tmp_path / "store"
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", MANY, str(store), str(source)], stdout=subprocess.PIPE) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0, 0.08))
            child.send_signal(signal.SIGKILL)
        done = LocalStore(store)
        for info in done.list("objects/"):
            assert done.hash_object(info.key).sha256 == info.key.rpartition("/")[2], "half an object has a name"
        assert len(everything(store)) == len(list(done.list())), "something else is left"
    subprocess.run([sys.executable, "-c", MANY, str(store), str(source)], check=True, capture_output=True)
    killed = everything(store)
    shutil.rmtree(store)
    subprocess.run([sys.executable, "-c", MANY, str(store), str(source)], check=True, capture_output=True)
    assert killed == everything(store)
    assert len(killed) == 150
