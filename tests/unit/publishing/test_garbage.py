from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mlops_ci.publishing.constants import constants
from mlops_ci.publishing.garbage import collect, expired, garbage
from mlops_ci.publishing.manifest import ManifestError, manifest_key
from mlops_ci.publishing.notices import (
    CollectorBusyError,
    Lease,
    LeaseLostError,
    announced,
    announcements,
    collecting,
    notice_key,
)
from mlops_ci.publishing.publish import publish
from mlops_ci.publishing.reach import Library
from mlops_ci.publishing.verify import verify
from mlops_ci.stores.base import ObjectInfo
from mlops_ci.stores.local import LocalStore
from support.published import age, killed_before_the_manifest

DAY = 86400.0


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


def bundle(tmp_path, name, *more):
    """A publishable bundle: one file of its own, one that all bundles have."""
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    (folder / "shared").write_bytes(b"shared")
    (folder / name).write_bytes(name.encode() * 50)
    return [("model/shared", folder / "shared"), (f"model/{name}", folder / name), *more]


def put(store, files, model="digits"):
    return publish(store, model=model, files=files, lineage={}, metrics={}, evaluation={})


def killed_before_its_manifest(store, files, monkeypatch):
    """A publish of which only objects are left, and its notice."""
    with killed_before_the_manifest(monkeypatch):
        put(store, files)


def old_and_unnamed(store, tmp_path, monkeypatch):
    """Files of which a killed publish left old objects, the library, and what a collector finds in it."""
    files = bundle(tmp_path, "b")
    killed_before_its_manifest(store, files, monkeypatch)
    age(store, "", 2 * DAY)
    library = Library(store)
    return files, library, garbage(library, older_than=DAY)


def look(store, **options):
    return garbage(Library(store), older_than=DAY, **options)


def sweep(store, **options):
    library = Library(store)
    return collect(library, garbage(library, older_than=DAY, **options))


def keys(store, prefix=""):
    return {info.key for info in store.list(prefix)}


def test_only_what_no_manifest_names_and_what_is_old_goes(store, tmp_path, monkeypatch):
    done = put(store, bundle(tmp_path, "a"))
    killed_before_its_manifest(store, bundle(tmp_path, "b"), monkeypatch)
    young = look(store)
    assert (young.count, young.young, young.kept) == (0, 0, 3), "a publish that runs, for all that anybody knows"
    age(store, "objects/", 2 * DAY)
    assert look(store).count == 0, "announced by the killed publish, which may be repeated"
    age(store, "publishing/", 2 * DAY)
    found = look(store)
    assert (len(found.objects), len(found.notices), found.kept, found.bytes) == (1, 1, 2, 84)
    before = keys(store)
    assert keys(store) == before, "looking deletes nothing"
    swept = sweep(store)
    assert (swept.deleted, swept.bytes, swept.spared) == (2, 84, 0)
    assert keys(store, "objects/") | {done.manifest.key} == keys(store)
    assert verify(store, done.manifest.key) == []
    assert sweep(store).deleted == 0


def test_young_garbage_is_kept_and_counted(store, tmp_path):
    put(store, bundle(tmp_path, "a"))
    store.put_bytes("objects/ab/" + "ab" * 32, b"?", only_if_absent=True)
    found = look(store)
    assert (found.count, found.young) == (0, 1)


def test_a_publish_that_reuses_what_is_about_to_be_deleted_ends_whole(store, tmp_path, monkeypatch):
    """The old object is garbage when the collector looks, and needed when it deletes."""
    files, library, found = old_and_unnamed(store, tmp_path, monkeypatch)
    assert len(found.objects) == 2
    done = put(store, files)
    assert done.objects.reused == 2
    swept = collect(library, found)
    assert (swept.deleted, swept.spared) == (0, 3)
    assert verify(store, done.manifest.key) == []


def test_a_publish_that_has_begun_keeps_what_it_announced(store, tmp_path, monkeypatch):
    _, library, found = old_and_unnamed(store, tmp_path, monkeypatch)
    digests = [info.key.rpartition("/")[2] for info in found.objects]
    with announced(store, manifest_key("digits", b"x"), digests):
        assert collect(library, found).spared == 2
        assert len(keys(store, "objects/")) == 2


def test_a_publish_waits_while_somebody_deletes_and_announces_itself_anew(store):
    waits = []

    def sleep(_):
        waits.append(keys(store, "publishing/"))
        store.delete(notice_key(key))
        marks.close()

    key = manifest_key("digits", b"x")
    marks = collecting(store)
    marks.__enter__()
    marks.close = lambda: marks.__exit__(None, None, None)
    with announced(store, key, ["ab" * 32], sleep=sleep):
        assert waits == [{notice_key(key)}]
        assert announcements(store, since=0.0) == {key: frozenset({"ab" * 8})}
    assert keys(store) == set()


def test_a_dead_collector_holds_nobody_up(store):
    mark = collecting(store)
    mark.__enter__()
    age(store, "gc/", constants().lease + 1)
    with announced(store, manifest_key("digits", b"x"), [], sleep=lambda _: pytest.fail("waited")):
        pass


def test_what_killed_collectors_and_publishers_left_goes_with_the_rest(store):
    for key in ("gc/0123456789abcdef", "publishing/digits/0123456789abcdef"):
        store.put_bytes(key, b"", only_if_absent=True)
    assert look(store).count == 0
    age(store, "", 2 * DAY)
    assert sweep(store).deleted == 2
    assert keys(store) == set()


def test_a_collector_that_never_ends_is_told_of(store):
    times = iter([0.0, constants().patience + 1])
    with collecting(store), pytest.raises(CollectorBusyError) as caught:
        with announced(store, manifest_key("digits", b"x"), [], sleep=lambda _: None, clock=lambda: next(times)):
            pytest.fail("published")
    assert caught.value.exit_code == 10


def test_a_collector_that_was_held_up_stops():
    with pytest.raises(LeaseLostError):
        Lease(until=0.0).check()


def test_an_unreadable_manifest_stops_everything(store, tmp_path, monkeypatch):
    done = put(store, bundle(tmp_path, "a"))
    killed_before_its_manifest(store, bundle(tmp_path, "b"), monkeypatch)
    store.put_bytes(done.manifest.key, b"{}", only_if_absent=False)
    age(store, "", 2 * DAY)
    before = keys(store)
    with pytest.raises(ManifestError):
        sweep(store)
    assert keys(store) == before


def test_killed_half_way_the_same_call_goes_on(store, tmp_path, monkeypatch):
    put(store, bundle(tmp_path, "a"))
    for number in range(20):
        store.put_bytes(f"objects/{number:02}/{number:064}", b"x", only_if_absent=True)
    age(store, "objects/", 2 * DAY)
    delete = LocalStore.delete
    left = [7]

    def kill(self, key):
        if key.startswith("objects/"):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        delete(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "delete", kill)
        with pytest.raises(KeyboardInterrupt):
            sweep(store)
    assert 10 <= len(look(store).objects) <= 13
    sweep(store)
    assert look(store).count == 0
    assert len(keys(store, "objects/")) == 2


def test_two_at_once_do_no_harm(store, tmp_path):
    done = put(store, bundle(tmp_path, "a"))
    for number in range(60):
        store.put_bytes(f"objects/{number:02}/{number:064}", b"x", only_if_absent=True)
    age(store, "objects/", 2 * DAY)
    errors = []

    def run():
        try:
            sweep(LocalStore(Path(store.uri)))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert verify(store, done.manifest.key) == []
    assert len(keys(store, "objects/")) == 2
    assert keys(store, "gc/") == set()


def test_old_bundles_go_where_that_is_asked_for_but_not_those_with_an_alias(store, tmp_path):
    done = [put(store, bundle(tmp_path, name)) for name in "abcd"]
    for days, one in zip((9, 8, 7, 6), done, strict=True):
        age(store, one.manifest.key, days * DAY)
    age(store, "objects/", 5 * DAY)
    pins = {done[0].manifest.key}
    assert look(store).count == 0
    found = look(store, keep=1, pinned=pins)
    assert [info.key for info in found.manifests] == [done[2].manifest.key, done[1].manifest.key]
    assert len(found.objects) == 2, "the shared file stays"
    library = Library(store)
    swept = collect(library, garbage(library, older_than=DAY, keep=1, pinned=pins), pinned=lambda: pins)
    assert swept.deleted == 4
    assert [verify(store, done[number].manifest.key) for number in (0, 3)] == [[], []]


def test_an_alias_that_is_moved_to_an_old_bundle_meanwhile_keeps_it(store, tmp_path):
    first, second = (put(store, bundle(tmp_path, name)) for name in "ab")
    age(store, first.manifest.key, 3 * DAY)
    age(store, "objects/", 3 * DAY)
    library = Library(store)
    found = garbage(library, older_than=DAY, keep=1)
    assert len(found.manifests) == 1
    swept = collect(library, found, pinned=lambda: {first.manifest.key})
    assert swept.deleted == 0
    assert verify(store, first.manifest.key) == verify(store, second.manifest.key) == []


def test_the_newest_of_each_model_stay():
    infos = [
        ObjectInfo(key=f"models/{m}/{n:016}/manifest.json", bytes=1, modified=float(n)) for m in "xy" for n in (1, 2)
    ]
    assert {info.key for info in expired(infos, 1)} == {f"models/{m}/{1:016}/manifest.json" for m in "xy"}
    assert expired(infos, None) == ()


def test_the_age_is_told_by_the_stores_clock(store, tmp_path, monkeypatch):
    """A machine whose clock is a week ahead takes nothing young for old."""
    put(store, bundle(tmp_path, "a"))
    store.put_bytes("objects/ab/" + "ab" * 32, b"?", only_if_absent=True)
    import time

    really = time.time
    monkeypatch.setattr(time, "time", lambda: really() + 7 * DAY)
    assert (look(store).count, look(store).young) == (0, 1)


def test_nothing_outside_of_what_publish_wrote_is_touched(store, tmp_path):
    put(store, bundle(tmp_path, "a"))
    for key in ("handover/20261122-031501-4fe1c2/files/ab", "nightly/stamp.json", "notes.txt", "health/x.json"):
        store.put_bytes(key, b"mine", only_if_absent=True)
    age(store, "", 9 * DAY)
    assert sweep(store, keep=1).deleted == 0
