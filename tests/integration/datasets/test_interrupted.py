"""Fetching that is killed, that two processes do at once, and data that may not be read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from support.restricted import without_override

OBTAIN = """
import json, os, sys, time
from collections import Counter
from pathlib import Path
from mlops_ci.console import Console, NullSink
from mlops_ci.datasets.obtain import obtain
from mlops_ci.settings.data import DataSettings
from mlops_ci.stores.open import open_store
counts = Counter()
class Printed(NullSink):
    def line(self, text):
        print("say:", text, flush=True)
def connect(uri):
    store = open_store(uri, endpoint=os.environ["ENDPOINT"])
    def count(model, **_):
        counts[model.name] += 1
        print(model.name, flush=True)
        while model.name == "GetObject" and os.path.exists(os.environ.get("HOLD", "")):
            time.sleep(0.01)
    store._bucket.client.meta.events.register("before-call.s3", count)
    return store
print("ready", flush=True)
sys.stdin.readline()
found = obtain(DataSettings(source=sys.argv[1]), root=Path(sys.argv[2]), cache=Path(sys.argv[2], "cache"),
               open_store=connect, run_fetch=None,
           console=Console(sink=Printed()))
print(json.dumps([str(found.path), found.digest, found.files, found.cached, counts["GetObject"]]))
"""

READ = """
import json, sys
from pathlib import Path
from mlops_ci.console import Console, NullSink
from mlops_ci.datasets.obtain import obtain
from mlops_ci.errors import MlopsError
from mlops_ci.settings.data import DataSettings
root = Path(sys.argv[1])
try:
    obtain(DataSettings(path="data"), root=root, cache=root / "cache", open_store=None, run_fetch=None,
           console=Console(sink=NullSink()))
except MlopsError as error:
    print(json.dumps([error.failure_class, error.exit_code, error.cause]))
"""

IMPORTS = """
import sys
from pathlib import Path
from mlops_ci.datasets.plan import plan_digest
from mlops_ci.datasets.obtain import obtain
from mlops_ci.publishing.publish import publish
from mlops_ci.publishing.fetch import fetch
from mlops_ci.publishing.verify import verify
from mlops_ci.settings.data import DataSettings
from mlops_ci.stores.open import open_store
root = Path(sys.argv[1])
plan_digest(DataSettings(path="data"), root, cache=root / "cache")
plan_digest(DataSettings(fetch="python fetch.py"), root)
open_store(str(root / "store")).put_bytes("x", b"", only_if_absent=True)
print(sorted({name.split(".")[0] for name in sys.modules} & {"boto3", "botocore", "s3transfer", "urllib3", "filelock"}))
"""


def start(place, root, **environment):
    child = subprocess.Popen(
        [sys.executable, "-c", OBTAIN, place.uri, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ENDPOINT": place.server.endpoint, **environment},
    )
    assert child.stdout.readline() == "ready\n"
    return child


def go(child):
    child.stdin.write("go\n")
    child.stdin.flush()


def finish(child):
    with child:
        lines = child.stdout.read().splitlines()
    assert child.returncode == 0
    return json.loads(lines[-1]), lines


@pytest.fixture
def content(place):
    content = {f"train/{number}.csv": os.urandom(20_000) for number in range(120)}
    for key, data in content.items():
        place.put(key, data)
    return content


def test_a_killed_fetch_goes_on_where_it_was_and_ends_in_the_same_state(place, content, tmp_path):
    undisturbed = tmp_path / "calm"
    disturbed = tmp_path / "killed"
    for root in (undisturbed, disturbed):
        root.mkdir()
    child = start(place, undisturbed)
    go(child)
    (_, digest, _, _, gets), _ = finish(child)
    assert gets == 120
    for moment in (1, 35, 40):
        child = start(place, disturbed)
        go(child)
        with child:
            for _ in range(moment):
                child.stdout.readline()
            child.send_signal(signal.SIGKILL)
        assert not list((disturbed / "cache").glob("*/entry.json")), "half-fetched never counts"
    child = start(place, disturbed)
    go(child)
    (path, again, count, cached, gets), _ = finish(child)
    assert (again, count, cached) == (digest, 120, False)
    assert gets < 100, "what was whole is not fetched again"
    assert {
        one.relative_to(path).as_posix(): one.read_bytes() for one in (disturbed / "cache").rglob("*.csv")
    } == content
    left = {
        one.relative_to(disturbed / "cache").as_posix() for one in (disturbed / "cache").rglob("*") if one.is_file()
    }
    assert not [name for name in left if name.startswith("partial/") or "draft" in name]


def test_two_processes_at_once_fetch_it_once(place, content, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    first, second = start(place, tmp_path, HOLD=str(hold)), start(place, tmp_path)
    go(first)
    assert any(line == "GetObject\n" for line in iter(first.stdout.readline, ""))
    go(second)
    assert any("waiting: another process" in line for line in iter(second.stdout.readline, ""))
    hold.unlink()
    (path, digest, count, cached, gets), _ = finish(first)
    assert (cached, gets) == (False, 120)
    assert finish(second)[0] == [path, digest, count, True, 0]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_data_that_may_not_be_read_is_named(tmp_path, what):
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)
    (folder / "secret.csv").write_text("1")
    target = folder if what == "folder" else folder / "secret.csv"
    target.chmod(0)
    try:
        done = subprocess.run(
            [*without_override(), sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=True
        )
    finally:
        target.chmod(0o755)
    kind, code, cause = json.loads(done.stdout)
    assert (kind, code) == ("data-access", 3)
    assert str(target) in cause


def test_without_an_s3_address_boto3_is_never_imported(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("1")
    done = subprocess.run([sys.executable, "-c", IMPORTS, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
