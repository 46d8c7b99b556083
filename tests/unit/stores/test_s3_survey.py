from __future__ import annotations

from mlops_ci.stores.base import ObjectInfo
from mlops_ci.stores.s3_survey import survey


class Lister:
    """A bucket of which one question shows `page` keys."""

    def __init__(self, keys, page):
        self.keys = sorted(keys, key=str.encode)
        self.page = page
        self.asked = []

    def __call__(self, prefix, after):
        self.asked.append(prefix)
        found = [ObjectInfo(key=key, bytes=1) for key in self.keys if key.startswith(prefix) and key > after]
        return found[: self.page], len(found) > self.page


def wanted(count, shards=16):
    return [f"objects/{i % shards:02x}/{i:04}" for i in range(count)]


def test_one_question_answers_for_a_store_that_fits_on_a_page():
    keys = wanted(100)
    lister = Lister(keys[:40], page=1000)
    result = survey(keys, lister, workers=2)
    assert lister.asked == ["objects/0"]
    assert {key for key, info in result.known.items() if info} == set(keys[:40])
    assert {key for key, info in result.known.items() if not info} == set(keys[40:])
    assert result.unknown == set()


def test_a_large_store_is_asked_once_per_folder():
    keys = wanted(160)
    others = [f"objects/{i % 16:02x}/x{i}" for i in range(300)]
    lister = Lister([*keys[:80], *others], page=50)
    result = survey(keys, lister, workers=2)
    assert len(lister.asked) <= 17
    assert result.unknown == set()
    assert {key for key, info in result.known.items() if info} == set(keys[:80])


def test_many_keys_side_by_side_are_asked_for_page_by_page():
    keys = [f"{i:05}" for i in range(1000)]
    lister = Lister(keys[:900], page=100)
    result = survey(keys, lister, workers=2)
    assert len(lister.asked) == 9
    assert result.unknown == set()
    assert {key for key, info in result.known.items() if info} == set(keys[:900])


def test_keys_far_apart_in_a_large_folder_are_not_worth_a_page_each_and_never_taken_for_absent():
    others = [f"objects/aa/{i:05}" for i in range(20_000)]
    keys = others[::1000]
    lister = Lister(others, page=100)
    result = survey(keys, lister, workers=2)
    assert len(lister.asked) == 2
    assert result.unknown == set(keys) - set(result.known)
    assert len(result.unknown) >= 17
    assert all(result.known.values())


def test_a_key_alone_is_not_worth_a_listing():
    lister = Lister([], page=10)
    assert survey(["objects/aa/1"], lister, workers=2).unknown == {"objects/aa/1"}
    assert survey([], lister, workers=2).unknown == set()
    assert lister.asked == []


def test_a_key_alone_in_its_folder_of_a_large_store_stays_unknown():
    keys = ["objects/aa/1", "objects/aa/2", "objects/bb/1"]
    lister = Lister([f"objects/b/{i}" for i in range(50)] + keys, page=20)
    result = survey(keys, lister, workers=2)
    assert result.unknown == {"objects/bb/1"}
    assert set(result.known) == {"objects/aa/1", "objects/aa/2"}
