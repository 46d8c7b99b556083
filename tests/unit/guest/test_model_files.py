"""Which files become the model."""

import io
import json
import os
import pickle
import struct
import zipfile

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


class Opens:
    """What a pickle may hold: a call."""

    def __reduce__(self):
        return os.getcwd, ()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_one_whatever_its_name_says(output, protocol):
    safetensors_file(output / "model.safetensors")
    (output / "words.model").write_bytes(pickle.dumps(Opens(), protocol))
    names, warnings = canonicalise(output)
    assert names == ["model.safetensors"]
    assert "words.model" in warnings[0]
    names, warnings = canonicalise(output, allow=("words.model",))
    assert names == ["model.safetensors", "words.model"]
    assert warnings == ["words.model: a pickle, allowed by name; it runs code when it is loaded"]


def test_an_archive_of_torch_is_one_whatever_its_name_says(output):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("state/data.pkl", pickle.dumps({}))
    safetensors_file(output / "model.safetensors")
    (output / "vocab.txt").write_bytes(archive.getvalue())
    assert canonicalise(output)[0] == ["model.safetensors"]
    (output / "model.safetensors").unlink()
    with pytest.raises(model.UnsafeModelError, match=r"vocab\.txt is a pickle"):
        canonicalise(output)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\x80",
        b"I1\n.",
        b"cats\ndogs\n",
        b"PK\x03\x04 is how an archive begins",
        b"cat\ndog\nRat\n.",
        b"Biology",
        b"\x8a\xff" * 9,
    ],
)
def test_other_small_files_are_none(output, content):
    safetensors_file(output / "model.safetensors")
    (output / "words.txt").write_bytes(content)
    assert canonicalise(output) == (["model.safetensors", "words.txt"], [])


@pytest.mark.parametrize("weights", ["model.safetensors", "model.pt"])
def test_what_stands_beside_the_weights_goes_along_when_it_is_allowed_and_is_told_when_it_is_not(output, weights):
    safetensors_file(output / weights)
    for name in ("scaler.pkl", "last.pt"):
        (output / name).write_bytes(pickle.dumps({}))
    names, (warning,) = canonicalise(output)
    assert names == ["model.safetensors"]
    assert warning.startswith("not part of the model")
    assert warning.endswith(": last.pt, scaler.pkl")
    names, warnings = canonicalise(output, allow=("scaler.pkl",))
    assert names == ["model.safetensors", "scaler.pkl"]
    assert warnings[0] == "scaler.pkl: a pickle, allowed by name; it runs code when it is loaded"
    assert warnings[1].endswith(": last.pt")
