"""`[data] source`: data under an S3 prefix, on a real server."""

from __future__ import annotations

import os
import re

import pytest

from mlops_ci.console import Console
from mlops_ci.datasets.digest import digest_folder
from mlops_ci.datasets.errors import DataDigestError, EmptyDataError
from mlops_ci.datasets.obtain import obtain
from mlops_ci.datasets.plan import plan_digest
from mlops_ci.settings.data import DataSettings
from mlops_ci.stores.errors import StoreAccessError
from mlops_ci.stores.s3_transfers import LARGE
from support.heard import Heard


@pytest.fixture
def content(place):
    content = {f"train/{number}.csv": os.urandom(500 + number) for number in range(40)}
    content["big.bin"] = os.urandom(LARGE + 5)
    for key, data in content.items():
        place.put(key, data)
    return content


@pytest.fixture
def project(place, content, tmp_path):
    """Calls `obtain` and `plan_digest` for this place."""

    class Project:
        cache = tmp_path / "cache"

        def __init__(self):
            self.heard = Heard()

        def get(self, **settings):
            place.requests.counts.clear()
            return obtain(
                DataSettings(source=place.uri, **settings),
                root=tmp_path,
                cache=self.cache,
                open_store=lambda uri: place.store(),
                run_fetch=None,
                console=Console(sink=self.heard),
            )

        def plan(self, **settings):
            return plan_digest(
                DataSettings(source=place.uri, **settings),
                tmp_path,
                cache=self.cache,
                open_store=lambda uri: place.store(),
            )

    return Project()


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_objects_come_in_parallel_and_are_cached_by_their_content(project, place, content):
    found = project.get()
    assert files(found.path) == content
    assert (found.files, found.bytes, found.cached) == (41, sum(map(len, content.values())), False)
    assert found.digest == digest_folder(found.path, "content").sha256
    assert found.path == project.cache / found.digest / "data"
    assert place.requests.most_at_once >= 4
    assert place.requests.counts["ListObjectsV2"] == 1
    assert "HeadObject" not in place.requests.counts or place.requests.counts["HeadObject"] <= 1
    assert "fetching 41 files" in project.heard.lines[0]
    again = project.get()
    assert again.cached
    assert again.path == found.path
    assert place.requests.counts == {"ListObjectsV2": 1}


def test_a_folder_and_a_prefix_with_the_same_files_have_the_same_digest(project, content, tmp_path):
    for key, data in content.items():
        path = tmp_path / "local" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert plan_digest(DataSettings(path="local"), tmp_path) == project.get().digest


def test_new_data_is_seen_and_both_stay(project, place, content):
    first = project.get()
    place.put("train/0.csv", b"new")
    second = project.get()
    assert second.digest != first.digest
    assert files(second.path) == {**content, "train/0.csv": b"new"}
    assert files(first.path) == content


def test_plan_knows_the_content_only_once_it_was_fetched(project):
    assert project.plan() is None
    found = project.get()
    assert project.plan() == found.digest
    assert project.plan(digest=found.digest) == found.digest
    with pytest.raises(DataDigestError):
        project.plan(digest="0" * 64)


def test_by_listing_plan_knows_it_before(project, place):
    planned = project.plan(fingerprint="listing")
    found = project.get(fingerprint="listing")
    assert found.digest == planned
    place.put("train/0.csv", b"new")
    assert project.plan(fingerprint="listing") != planned


def test_by_command_it_is_fetched_once_and_never_asked_again(project, place):
    first = project.get(fingerprint="command")
    place.put("train/0.csv", b"new")
    again = project.get(fingerprint="command")
    assert again.cached
    assert again.path == first.path
    assert place.requests.counts == {}
    assert project.plan(fingerprint="command") == first.digest


def test_a_pinned_digest_is_checked_and_when_cached_the_server_is_not_asked(project, place):
    with pytest.raises(DataDigestError) as caught:
        project.get(digest="0" * 64)
    real = re.search(r"got ([0-9a-f]{64})", caught.value.cause)[1]
    found = project.get(digest=real)
    assert found.cached
    assert place.requests.counts == {}


def test_wrong_listings_are_refused_before_anything_is_fetched(project, place):
    with pytest.raises(DataDigestError):
        project.get(fingerprint="listing", digest="0" * 64)
    assert place.requests.counts == {"ListObjectsV2": 1}


def test_a_damaged_entry_is_fetched_again(project, place, content):
    found = project.get()
    (found.path / "train" / "3.csv").write_bytes(content["train/3.csv"])  # the same bytes, another time: not believed
    (found.path / "train" / "4.csv").unlink()
    again = project.get()
    assert not again.cached
    assert files(again.path) == content


def test_placeholders_of_folders_are_no_data(project, place, content):
    place.put("empty/", b"")
    assert files(project.get().path) == content


def test_an_empty_prefix(place, tmp_path):
    with pytest.raises(EmptyDataError) as caught:
        plan_digest(
            DataSettings(source=f"{place.uri}/nothing"), tmp_path, open_store=lambda uri: place.store("/nothing")
        )
    assert f"{place.uri}/nothing" in caught.value.cause


def test_refused_credentials(project, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-wrong-wrong")
    for call in (project.get, project.plan):
        with pytest.raises(StoreAccessError) as caught:
            call()
        assert caught.value.exit_code == 3


def test_with_aws_variables_alone_plan_finds_the_server(place, project, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", place.server.endpoint)
    data = DataSettings(source=place.uri, fingerprint="listing")
    assert plan_digest(data, tmp_path) == project.plan(fingerprint="listing")
