from __future__ import annotations

import pytest

from mlops_ci.stages.rollback import NothingToRestoreError, NotRestorableError, check, find, move
from mlops_ci.stores.errors import StoreUnreachableError
from mlops_ci.stores.local import LocalStore
from mlops_ci.tracking.errors import AliasMovedError, TrackingDownError
from support.published import MODEL, Published, published, run_id

__all__ = ["published"]


@pytest.fixture
def two(published: Published) -> Published:
    """Version 2 has just replaced version 1."""
    for number in (1, 2):
        published.version(number)
    published.alias(champion="2", previous_champion="1", candidate="2")
    return published


def roll_back(place: Published, to: str | None = None) -> bool:
    plan = find(place.premises, MODEL, to=to)
    if plan.done:
        return False
    check(place.premises, plan)
    return move(place.premises, plan, by="somebody")


def test_the_previous_champion_reigns_again_and_the_version_says_so(two):
    plan = find(two.premises, MODEL)
    assert (plan.from_, plan.to, plan.run, plan.done) == ("2", "1", run_id(1), False)
    assert roll_back(two)
    assert two.client.named[MODEL]["champion"] == "1"
    tags = two.client.models[MODEL]["1"]
    assert (tags["mlops.restored_from"], tags["mlops.restored_by"]) == ("2", "somebody")
    assert tags["mlops.restored_at"].startswith("20")


def test_it_is_one_move_of_one_alias(two):
    roll_back(two)
    assert two.client.moves == [("champion", "1")]


def test_a_second_rollback_moves_nothing_and_names_the_way_forward(two):
    roll_back(two)
    plan = find(two.premises, MODEL)
    assert (plan.done, plan.restored_from) == (True, "2")
    assert not roll_back(two)
    assert len(two.client.moves) == 1
    assert roll_back(two, to="2")
    assert two.client.named[MODEL] == {"champion": "2", "previous_champion": "1", "candidate": "2"}


def test_to_a_version_keeps_the_champion_before_so_that_it_can_be_undone(two):
    two.version(3)
    assert roll_back(two, to="3")
    assert two.client.named[MODEL]["previous_champion"] == "2"
    assert roll_back(two)
    assert two.client.named[MODEL]["champion"] == "2"


def test_the_next_promotion_remembers_the_restored_champion(two):
    roll_back(two)
    two.version(3)
    two.premises.registry.promote(MODEL, "3", expected="1")
    assert two.client.named[MODEL]["previous_champion"] == "1"


@pytest.mark.parametrize(
    ("aliases", "to", "words"),
    [
        ({}, None, "has no champion"),
        ({"champion": "2"}, None, "there is no previous one"),
        ({"champion": "2"}, "17", "has no version 17"),
    ],
)
def test_there_must_be_something_to_restore(published, aliases, to, words):
    for number in (1, 2):
        published.version(number)
    published.alias(**aliases)
    with pytest.raises(NothingToRestoreError, match=words) as caught:
        find(published.premises, MODEL, to=to)
    assert caught.value.exit_code == 2
    assert "newest are 2, 1" in caught.value.hint


def test_a_model_that_nobody_knows(published):
    with pytest.raises(NothingToRestoreError) as caught:
        find(published.premises, "other")
    assert "there is no model 'other'" in caught.value.hint


def test_a_tampered_file_is_refused_and_nothing_moves(two):
    path = two.object_of(1)
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(NotRestorableError) as caught:
        roll_back(two)
    assert caught.value.exit_code == 4
    assert "model/model.safetensors: altered" in caught.value.details[0]
    assert two.client.moves == []


def test_files_that_are_gone_are_refused(two):
    two.object_of(1).unlink()
    with pytest.raises(NotRestorableError) as caught:
        roll_back(two)
    assert "missing" in caught.value.details[0]
    assert two.client.moves == []


def test_a_manifest_that_is_gone_or_was_changed_is_refused(two):
    key = two.client.models[MODEL]["1"]["mlops.manifest"]
    two.store.put_bytes(key, b"{}", only_if_absent=False)
    with pytest.raises(NotRestorableError, match="changed or damaged"):
        roll_back(two)
    two.store.delete(key)
    with pytest.raises(NotRestorableError, match="has no object"):
        roll_back(two)
    assert two.client.moves == []


def test_another_manifest_than_the_registered_one_is_refused(two):
    two.client.models[MODEL]["1"]["mlops.manifest_sha256"] = "0" * 64
    with pytest.raises(NotRestorableError):
        roll_back(two)


def test_a_version_of_somebody_else_can_not_be_checked(two):
    del two.client.models[MODEL]["1"]["mlops.manifest"]
    with pytest.raises(NotRestorableError, match="names no manifest"):
        roll_back(two)


@pytest.mark.parametrize("alias", ["champion", "previous_champion"])
def test_an_alias_that_somebody_moved_meanwhile(two, alias):
    two.version(3)
    plan = find(two.premises, MODEL)
    check(two.premises, plan)
    two.alias(**{alias: "3"})
    with pytest.raises(AliasMovedError, match="version 3") as caught:
        move(two.premises, plan, by="somebody")
    assert caught.value.exit_code == 4
    assert two.client.moves == []


def test_two_rollbacks_at_once_end_as_one(two):
    first, second = find(two.premises, MODEL), find(two.premises, MODEL)
    assert move(two.premises, first, by="a")
    assert not move(two.premises, second, by="b")
    assert two.client.moves == [("champion", "1")]


@pytest.mark.parametrize("to", [None, "1"])
def test_killed_before_any_move_and_run_again(two, to):
    def killed(alias: str, version: str) -> None:
        if (alias, version) not in seen:
            seen.add((alias, version))
            raise KeyboardInterrupt

    seen: set[tuple[str, str]] = set()
    two.client.before_move = killed
    for _ in range(4):
        try:
            roll_back(two, to=to)
        except KeyboardInterrupt:
            continue
    assert two.client.named[MODEL]["champion"] == "1"
    assert two.client.named[MODEL]["previous_champion"] == ("1" if to is None else "2")


def test_who_can_not_be_asked_says_nothing(two, monkeypatch):
    plan = find(two.premises, MODEL)

    def unreachable(*_args, **_kwargs):
        raise StoreUnreachableError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "hash_object", unreachable)
        with pytest.raises(StoreUnreachableError) as store:
            check(two.premises, plan)
    two.connection.down = True
    with pytest.raises(TrackingDownError) as registry:
        find(two.premises, MODEL)
    assert (store.value.exit_code, registry.value.exit_code) == (10, 10)


def test_the_image_that_serves_the_version_is_told(published: Published):
    for number in (1, 2):
        published.version(number)
    published.alias(champion="2", previous_champion="1")
    assert find(published.premises, MODEL).image is None
    published.client.models[MODEL]["1"]["mlops.serving_image"] = "r.example/digits-serve@sha256:1"
    assert find(published.premises, MODEL).image == "r.example/digits-serve@sha256:1"
