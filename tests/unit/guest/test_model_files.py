"""Which files become the model."""

import json
import os
import struct

import pytest

from mlops_ci.guest import model


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


def safetensors_file(path):
    text = json.dumps({}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)


def converted(source, target):
    target.write_bytes(b"converted " + source.name.encode())
    return {"result": "converted", "reason": "", "notes": []}


def canonicalise(output, *, allow=(), before=None, convert=converted):
    made, warnings = model.canonicalise(
        output, output.parent / "model", allow_pickle=allow, before=before or {}, convert=convert
    )
    return [one["path"] for one in made["files"]], warnings


def test_one_safetensors_file_gets_the_canonical_name(output):
    safetensors_file(output / "weights.safetensors")
    (output / "other.pt").write_bytes(b"x")
    assert canonicalise(output)[0] == ["model.safetensors"]


def test_shards_keep_their_names(output):
    for name in ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"):
        safetensors_file(output / name)
    (output / "model.safetensors.index.json").write_text("{}")
    assert canonicalise(output)[0] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["a.pt"], "a.pt"),
        (["epoch_1.pt", "model.pt"], "model.pt"),
        (["last.pt", "best.pth"], "best.pth"),
        (["x/model.pt"], "model.pt"),
    ],
)
def test_which_of_several_is_converted(output, names, taken):
    for name in names:
        (output / name).parent.mkdir(exist_ok=True)
        (output / name).write_bytes(b"x")
    canonicalise(output)
    assert (output.parent / "model" / "model.safetensors").read_bytes() == b"converted " + taken.encode()


def test_what_was_in_the_model_folder_goes(output):
    folder = output.parent / "model"
    (folder / "old").mkdir(parents=True)
    (folder / "old.json").write_text("x")
    safetensors_file(output / "model.safetensors")
    assert canonicalise(output)[0] == ["model.safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors"]


def test_a_linked_folder_is_never_entered(output, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    safetensors_file(outside / "model.safetensors")
    os.symlink(outside, output / "linked")
    with pytest.raises(model.UnsafeModelError, match="linked is a link that leaves"):
        canonicalise(output)


def test_a_link_inside_is_followed(output):
    (output / "epoch_9.pt").write_bytes(b"x")
    os.symlink("epoch_9.pt", output / "best.pt")
    canonicalise(output)
    assert (output.parent / "model" / "model.safetensors").read_bytes() == b"converted best.pt"


def test_a_file_that_the_training_wrote_again_is_new(output):
    path = output / "model.pt"
    path.write_bytes(b"old")
    before = model.stamps(output)
    with pytest.raises(model.NoModelError, match="was there before"):
        canonicalise(output, before=before)
    path.write_bytes(b"new!")
    assert canonicalise(output, before=before)[0] == ["model.safetensors"]


def test_large_and_hidden_files_stay_behind(output):
    safetensors_file(output / "model.safetensors")
    (output / "huge.json").touch()
    os.truncate(output / "huge.json", model.SMALL_BYTES + 1)
    (output / ".secret.json").write_text("{}")
    names, warnings = canonicalise(output)
    assert names == ["model.safetensors"]
    assert "huge.json" in warnings[0]


@pytest.mark.parametrize(("result", "error"), [("unsafe", model.UnsafeModelError), ("unusable", model.NoModelError)])
def test_what_cannot_be_converted(output, result, error):
    (output / "model.pt").write_bytes(b"x")
    with pytest.raises(error, match=r"model\.pt is no model that can be published: why"):
        canonicalise(output, convert=lambda *_: {"result": result, "reason": "why", "notes": []})


def test_an_allowed_pickle_beside_nothing_else(output):
    (output / "model.pkl").write_bytes(b"x")
    names, warnings = canonicalise(output, allow=("model.pkl",))
    assert names == ["model.pkl"]
    assert "allowed by name" in warnings[0]
