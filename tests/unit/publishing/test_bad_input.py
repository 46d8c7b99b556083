"""What a training may leave, or somebody may hand over, that is no proper model: never half a publish, never a hang."""

from __future__ import annotations

import json
import os
import struct

import pytest

from mlops_ci.files import regular_files
from mlops_ci.guest.model import find
from mlops_ci.guest.safetensors import SafetensorsError, read_header
from mlops_ci.publishing import publish as publishing
from mlops_ci.publishing.manifest import ArtifactNameError, Manifest, PublishedFile, decode, encode, object_key
from mlops_ci.publishing.publish import ArtifactMissingError, publish
from mlops_ci.publishing.verify import verify
from mlops_ci.stores.local import LocalStore
from mlops_ci.stores.measure import FileFacts

MANY = 100_000
HUGE = 20 << 30


def put(tmp_path, files):
    return publish(LocalStore(tmp_path / "store"), model="m", files=files, lineage={}, metrics={}, evaluation={})


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def test_a_link_out_of_the_folder_is_neither_found_nor_published(tmp_path, model):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "more.json").write_text("{}")
    (model / "stolen.json").symlink_to(tmp_path / "secret")
    (model / "folder").symlink_to(tmp_path / "elsewhere")
    assert [path.name for path in regular_files(model)] == ["config.json"]
    assert sorted(map(str, find(model, {}).refused)) == ["folder", "stolen.json"]
    with pytest.raises(ArtifactMissingError, match=r"stolen\.json is a symbolic link") as caught:
        put(tmp_path, [("model/stolen.json", model / "stolen.json")])
    assert caught.value.exit_code == 2
    assert not (tmp_path / "store").exists()


def test_a_pipe_or_a_device_is_refused_at_once(tmp_path, model):
    os.mkfifo(model / "pipe.json")
    assert [path.name for path in regular_files(model)] == ["config.json"]
    with pytest.raises(ArtifactMissingError, match="no regular file"):
        put(tmp_path, [("model/pipe.json", model / "pipe.json")])
    from pathlib import Path

    with pytest.raises(ArtifactMissingError, match="no regular file"):
        put(tmp_path, [("model/zero", Path("/dev/zero"))])


def test_a_file_of_no_bytes_is_published_as_it_is_but_is_no_model(tmp_path, model):
    (model / "empty.txt").touch()
    (model / "model.safetensors").touch()
    done = put(tmp_path, [("model/empty.txt", model / "empty.txt")])
    assert verify(LocalStore(tmp_path / "store"), done.manifest.key) == []
    assert done.objects.bytes == 0
    with pytest.raises(SafetensorsError, match="shorter than the eight bytes"):
        read_header(model / "model.safetensors")


def test_a_hundred_thousand_files_make_one_manifest(tmp_path):
    files = tuple(
        PublishedFile(name=f"outputs/{n:06}", bytes=n, sha256=f"{n:064x}", key=object_key(f"{n:064x}"))
        for n in range(MANY)
    )
    data = encode(Manifest(model="m", files=files, lineage={}, metrics={}, evaluation={}))
    assert len(json.loads(data)["files"]) == MANY
    some = Manifest(model="m", files=files[:2000], lineage={}, metrics={}, evaluation={})
    assert decode(encode(some), "here").files == files[:2000]


def test_two_of_a_hundred_thousand_files_with_one_name_are_found_at_once(tmp_path, monkeypatch):
    """Not by holding each name against each other."""
    monkeypatch.setattr(publishing, "measure_all", lambda paths: pytest.fail("hashed"))
    files = [(f"outputs/{number}", tmp_path) for number in range(MANY)]
    with pytest.raises(ArtifactNameError, match=r"would be published as outputs/7\b"):
        put(tmp_path, [*files, ("outputs/7", tmp_path)])


def test_of_twenty_gigabytes_only_the_header_is_read_to_judge_them(tmp_path):
    path = tmp_path / "model.safetensors"
    header = json.dumps({"w": {"dtype": "U8", "shape": [HUGE], "data_offsets": [0, HUGE]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with path.open("r+b") as stream:
        stream.truncate(8 + len(header) + HUGE)
    tensors, _ = read_header(path)
    assert tensors["w"].end - tensors["w"].begin == HUGE
    with path.open("r+b") as stream:
        stream.truncate(8 + len(header) + HUGE - 1)
    with pytest.raises(SafetensorsError):
        read_header(path)


def test_the_manifest_of_twenty_gigabytes_says_so(tmp_path, monkeypatch):
    """Sizes are whole numbers of any length, from the file to the manifest."""
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(HUGE)
    facts = FileFacts(bytes=HUGE, sha256="ab" * 32, modified_ns=0)
    monkeypatch.setattr(publishing, "measure_all", lambda paths: [facts for _ in paths])
    sent = []
    monkeypatch.setattr(LocalStore, "put_files", lambda self, items, **_: (sent.extend(items), (len(items), 0))[1])
    done = put(tmp_path, [("model/large", path)])
    manifest = json.loads(LocalStore(tmp_path / "store").get_bytes(done.manifest.key))
    assert (manifest["files"][0]["bytes"], sent[0].bytes, done.objects.bytes) == (HUGE, HUGE, HUGE)
