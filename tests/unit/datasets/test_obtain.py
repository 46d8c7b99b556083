from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.datasets.digest import digest_folder
from mlops_ci.datasets.errors import (
    DataDigestError,
    DataMissingError,
    DataSettingError,
    EmptyDataError,
    UnsafeDataError,
)
from mlops_ci.datasets.obtain import obtain
from mlops_ci.datasets.plan import plan_digest
from mlops_ci.errors import InternalError, UserCodeError
from mlops_ci.settings.data import DataSettings
from mlops_ci.stores.errors import StoreAccessError
from mlops_ci.stores.local import LocalStore
from support.heard import Heard

ZERO = "0" * 64


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "data" / "train.csv").write_text("1,2")
    return root


def local(uri):
    return LocalStore(Path(uri))


class Fetch:
    """Stands for the engine that runs the fetch command."""

    def __init__(self, content=b"fetched"):
        self.content = content
        self.calls = []

    def __call__(self, command, folder):
        self.calls.append(command)
        assert list(folder.iterdir()) == []
        (folder / "data.bin").write_bytes(self.content)


def get(root, data, **changes):
    values = {
        "root": root,
        "cache": root / ".mlops/cache/data",
        "open_store": local,
        "run_fetch": None,
        "console": Console(sink=Heard()),
    }
    return obtain(data, **{**values, **changes})


def entries(root):
    cache = root / ".mlops/cache/data"
    return sorted(path.name for path in cache.iterdir() if (path / "entry.json").exists())


def test_a_folder_is_used_where_it_is(root):
    data = DataSettings(path="data")
    found = get(root, data)
    assert found.path == root / "data"
    assert (found.files, found.bytes, found.cached) == (1, 3, False)
    assert found.digest == plan_digest(data, root) == digest_folder(root / "data", "content").sha256
    assert DataSettings(path="data", digest=found.digest.upper()).digest != found.digest
    assert get(root, DataSettings(path="data", digest=found.digest.upper())) == found


@pytest.mark.parametrize("mode", ["content", "listing", "command"])
def test_data_with_another_digest_is_refused_with_both(root, mode):
    data = DataSettings(path="data", fingerprint=mode)
    real = plan_digest(data, root)
    wrong = DataSettings(path="data", fingerprint=mode, digest=ZERO)
    for call in (lambda: get(root, wrong), lambda: plan_digest(wrong, root)):
        with pytest.raises(DataDigestError) as caught:
            call()
        assert f"expected {ZERO}, got {real}" in caught.value.cause
        assert "[data] digest" in caught.value.hint
        assert caught.value.exit_code == 2


def test_the_command_fingerprint_of_a_folder_is_its_setting(root):
    data = DataSettings(path="data", fingerprint="command")
    before = plan_digest(data, root)
    (root / "data" / "more.csv").write_text("3")
    assert plan_digest(data, root) == before
    assert get(root, data).files == 2


def test_no_data_and_wrong_settings(root):
    assert plan_digest(DataSettings(), root) is None
    with pytest.raises(DataSettingError, match="names no source"):
        get(root, DataSettings())
    with pytest.raises(DataSettingError, match="`path` and `fetch`"):
        plan_digest(DataSettings(path="data", fetch="x"), root)
    with pytest.raises(DataSettingError, match="no SHA-256"):
        get(root, DataSettings(path="data", digest="../../etc"))
    with pytest.raises(InternalError):
        get(root, DataSettings(fetch="x"))


def test_a_missing_and_an_empty_folder(root):
    (root / "empty" / "deeper").mkdir(parents=True)
    with pytest.raises(DataMissingError):
        get(root, DataSettings(path="absent"))
    for call in (lambda data: get(root, data), lambda data: plan_digest(data, root)):
        with pytest.raises(EmptyDataError) as caught:
            call(DataSettings(path="empty"))
        assert str(root / "empty") in caught.value.cause


@pytest.mark.parametrize("path", [".", "..", "data/.."])
def test_the_whole_project_is_no_data(root, path):
    with pytest.raises(UnsafeDataError, match="whole project"):
        get(root, DataSettings(path=path))


def test_a_data_folder_that_is_a_link_is_fine(root, tmp_path):
    (tmp_path / "big-disk").mkdir()
    (tmp_path / "big-disk" / "x").write_text("1")
    (root / "linked").symlink_to(tmp_path / "big-disk")
    assert get(root, DataSettings(path="linked")).path == tmp_path / "big-disk"


def test_plan_opens_no_s3_client_for_a_folder_or_a_command(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert plan_digest(DataSettings(path="data"), root)
    assert plan_digest(DataSettings(fetch="x"), root) is None
    assert plan_digest(DataSettings(fetch="x", digest=ZERO), root) == ZERO


def test_fetched_data_is_cached_by_its_digest(root):
    fetch = Fetch()
    found = get(root, DataSettings(fetch="python fetch.py"), run_fetch=fetch)
    assert found.path == root / ".mlops/cache/data" / found.digest / "data"
    assert found.digest == digest_folder(found.path, "content").sha256
    assert (found.files, found.bytes, found.cached) == (1, 7, False)
    assert fetch.calls == ["python fetch.py"]
    assert entries(root) == [found.digest]
    assert list((root / ".mlops/cache/data/partial").iterdir()) == []


def test_by_content_every_fetch_asks_for_new_data_and_the_same_data_is_kept_once(root):
    fetch = Fetch()
    first = get(root, DataSettings(fetch="x"), run_fetch=fetch)
    before = (first.path / "data.bin").stat().st_ino
    assert get(root, DataSettings(fetch="x"), run_fetch=fetch) == first
    assert (first.path / "data.bin").stat().st_ino == before
    fetch.content = b"new data"
    second = get(root, DataSettings(fetch="x"), run_fetch=fetch)
    assert second.digest != first.digest
    assert len(fetch.calls) == 3
    assert entries(root) == sorted([first.digest, second.digest])


def test_a_pinned_digest_that_is_cached_needs_no_fetch(root):
    fetch = Fetch()
    first = get(root, DataSettings(fetch="x"), run_fetch=fetch)
    again = get(root, DataSettings(fetch="y", digest=first.digest), run_fetch=fetch)
    assert again.cached
    assert again.path == first.path
    assert len(fetch.calls) == 1


def test_by_command_it_is_fetched_once(root):
    fetch = Fetch()
    data = DataSettings(fetch="x", fingerprint="command")
    first = get(root, data, run_fetch=fetch)
    assert first.digest == plan_digest(data, root)
    second = get(root, data, run_fetch=fetch)
    assert (second.cached, second.path, second.digest) == (True, first.path, first.digest)
    assert len(fetch.calls) == 1


def test_a_cache_shared_by_two_projects_does_not_mix_their_commands(root, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    cache = tmp_path / "shared"
    data = DataSettings(fetch="python fetch.py", fingerprint="command")
    one = get(root, data, run_fetch=Fetch(b"one"), cache=cache)
    two = get(other, data, run_fetch=Fetch(b"two"), cache=cache)
    assert (one.path / "data.bin").read_bytes() == b"one"
    assert (two.path / "data.bin").read_bytes() == b"two"


def test_by_listing_names_and_sizes_count_since_a_fetch_makes_new_times(root):
    fetch = Fetch()
    data = DataSettings(fetch="x", fingerprint="listing")
    first = get(root, data, run_fetch=fetch)
    assert get(root, data, run_fetch=fetch).digest == first.digest
    fetch.content = b"longer than before"
    assert get(root, data, run_fetch=fetch).digest != first.digest


def test_wrong_fetched_data_is_refused_and_kept_for_who_corrects_the_setting(root):
    fetch = Fetch()
    with pytest.raises(DataDigestError) as caught:
        get(root, DataSettings(fetch="x", digest=ZERO), run_fetch=fetch)
    real = caught.value.cause.rpartition(" ")[2]
    again = get(root, DataSettings(fetch="x", digest=real), run_fetch=fetch)
    assert again.cached
    assert len(fetch.calls) == 1


def test_a_fetch_that_fails_or_writes_nothing_leaves_nothing_that_counts(root):
    def fails(command, folder):
        (folder / "half").write_text("half")
        raise UserCodeError("it failed")

    with pytest.raises(UserCodeError):
        get(root, DataSettings(fetch="x"), run_fetch=fails)
    assert entries(root) == []
    with pytest.raises(EmptyDataError, match="wrote no file"):
        get(root, DataSettings(fetch="x"), run_fetch=lambda command, folder: None)
    assert entries(root) == []
    found = get(root, DataSettings(fetch="x"), run_fetch=Fetch())
    assert [path.name for path in found.path.iterdir()] == ["data.bin"]


@pytest.mark.parametrize("damage", ["content", "missing", "extra", "marker", "no marker", "link"])
def test_a_damaged_entry_is_fetched_again(root, damage):
    fetch = Fetch()
    data = DataSettings(fetch="x", fingerprint="command")
    first = get(root, data, run_fetch=fetch)
    file, marker = first.path / "data.bin", first.path.parent / "entry.json"
    if damage == "content":
        file.write_bytes(b"damaged")  # the same size: seen by its time
    elif damage == "missing":
        file.unlink()
    elif damage == "extra":
        (first.path / "more").write_text("")
    elif damage == "marker":
        marker.write_text("{")
    elif damage == "no marker":
        marker.unlink()
    else:
        (first.path / "link").symlink_to("/etc")
    second = get(root, data, run_fetch=fetch)
    assert not second.cached
    assert len(fetch.calls) == 2
    assert [path.name for path in second.path.iterdir()] == ["data.bin"]
    assert (second.path / "data.bin").read_bytes() == b"fetched"
    assert get(root, data, run_fetch=fetch).cached


def test_fetched_links_that_lead_out_are_refused(root):
    def fetch(command, folder):
        (folder / "passwd").symlink_to("/etc/passwd")

    with pytest.raises(UnsafeDataError):
        get(root, DataSettings(fetch="x"), run_fetch=fetch)
    assert entries(root) == []


def test_a_file_where_the_cache_must_be(root):
    (root / ".mlops").write_text("")
    with pytest.raises(StoreAccessError) as caught:
        get(root, DataSettings(fetch="x"), run_fetch=Fetch())
    assert caught.value.exit_code == 3
    assert ".mlops" in caught.value.cause


def test_objects_of_a_store_become_files(root, tmp_path):
    """The store is a local one here; with S3 the same is tested with a server."""
    store = LocalStore(tmp_path / "bucket")
    for key in ("a/1.csv", "a/2.csv", "b.csv"):
        store.put_bytes(key, key.encode(), only_if_absent=True)
    heard = Heard()
    data = DataSettings(source=str(tmp_path / "bucket"))
    found = get(root, data, console=Console(sink=heard))
    assert {path.relative_to(found.path).as_posix(): path.read_text() for path in found.path.rglob("*.csv")} == {
        key: key for key in ("a/1.csv", "a/2.csv", "b.csv")
    }
    assert found.digest == digest_folder(found.path, "content").sha256
    assert len(heard.lines) == 1
    assert "fetching 3 files" in heard.lines[0]
    assert get(root, data).cached
    cache = root / ".mlops/cache/data"
    assert plan_digest(data, root, cache=cache, open_store=local) == found.digest
    assert plan_digest(data, root, open_store=local) is None


def test_objects_that_can_not_be_files_together(root, tmp_path):
    class Odd(LocalStore):
        def list(self, prefix=""):
            from mlops_ci.stores.base import ObjectInfo

            return iter([ObjectInfo(key=key, bytes=1, etag="x") for key in self.keys])

    for keys, words in [(["a", "a/b"], "'a' is an object too"), (["../x"], "'..'"), (["a//b"], "''"), (["x/"], "''")]:
        Odd.keys = keys
        with pytest.raises(UnsafeDataError) as caught:
            get(root, DataSettings(source=str(tmp_path)), open_store=lambda uri: Odd(Path(uri)))
        assert words in caught.value.cause
    Odd.keys = []
    with pytest.raises(EmptyDataError, match="holds no object"):
        get(root, DataSettings(source=str(tmp_path)), open_store=lambda uri: Odd(Path(uri)))
