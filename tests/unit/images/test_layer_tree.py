"""What is in an image, told from its layers: as an engine would put them together, by the rules of the guest."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from mlops_ci.guest import inventory as guest
from mlops_ci.images.layer_tree import Tree, chain, read, together
from support.layers import layer

KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + b"A" * 70 + b"\n-----END OPENSSH PRIVATE KEY-----\n"
RECORD = b"demo.py,sha256=x,100\ndemo/__pycache__/x.pyc,,\nRECORD,,\n"


def tree(*words: bytes, **named: object) -> Tree:
    (data,) = words or (layer(named.pop("files"), **named),)  # type: ignore[arg-type]
    return read(io.BytesIO(data))  # type: ignore[arg-type]


def paths(*layers: Tree) -> list[str]:
    return sorted(together(layers))


def test_a_later_layer_covers_takes_away_and_empties() -> None:
    lower = tree(files={"a": b"1", "b/c": b"2", "b/d": b"3", "e/f": b"4", "e/g/h": b"5", "keep": b"6"}, folders=("b",))
    upper = tree(files={"a": b"12", "b/.wh.c": b"", "e/.wh..wh..opq": b"", "e/new": b"7"})
    assert paths(lower, upper) == ["/a", "/b", "/b/d", "/e/new", "/keep"]
    assert together([lower, upper])["/a"].size == 2


def test_a_folder_that_is_taken_away_takes_all_below_it() -> None:
    lower = tree(files={"b/c/d": b"1", "b/cc": b"2"}, folders=("b", "b/c"))
    assert paths(lower, tree(files={"b/.wh.c": b""})) == ["/b", "/b/cc"]
    assert paths(lower, tree(files={"b": b"now a file"})) == ["/b"]
    assert paths(lower, tree(files={".wh..wh..opq": b"", "x": b""})) == ["/x"]


def test_the_names_of_a_file_with_several_count_once() -> None:
    found = chain(
        [tree(files={"usr/bin/su": b"12345"}, modes={"usr/bin/su": 0o4755}, links={"usr/bin/again": "usr/bin/su"})]
    )
    assert (found.bytes, found.count) == (5, 1)
    assert found.setid == ("/usr/bin/again", "/usr/bin/su"), "each name of it gives rights"


def test_it_says_what_the_program_inside_would_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files, walked by the guest's program and read from an archive."""
    files = {
        "usr/bin/su": b"x",
        "usr/bin/ls": b"xy",
        "etc/ssh/ssh_host_ed25519_key": b"x",
        "home/key": KEY,
        "v/site-packages/demo/tests/key": KEY,
        "docs/readme": b"-----BEGIN PRIVATE KEY-----\n...",
        "var/cache/apt/pkgcache.bin": b"x",
        "tmp/left": b"x",
        "tmp/empty": b"",
        "usr/lib/libcuda.so.1": b"x",
        "usr/local/cuda/compat/libcuda.so.1": b"x",
        "etc/shadow": b"root:*:1::\nmlops:!:1::\nbad:$y$abc:1::\n",
        "v/site-packages/demo-1.0.dist-info/RECORD": RECORD,
        "v/site-packages/__pycache__/demo.pyc": b"12345",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "usr/bin/su").chmod(0o4755)
    (tmp_path / "usr/bin/link").symlink_to("su")
    os.link(tmp_path / "usr/bin/ls", tmp_path / "usr/bin/dir")
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.add(tmp_path, arcname=".")
    told = chain([tree(made.getvalue())])
    monkeypatch.setattr(guest, "IN_CACHES", tuple(f"{tmp_path}{one}" for one in guest.IN_CACHES))
    walked = guest.inventory(str(tmp_path))
    for name in guest.FOUND:
        assert list(getattr(told, name)) == sorted(path.removeprefix(str(tmp_path)) for path in walked[name]), name
    assert list(told.passwords) == walked["passwords"] == ["bad"]
    assert [vars(one) for one in told.packages] == walked["distributions"]
    totals = {"bytes": told.bytes, "bytecode": told.bytecode, "files": told.count}
    assert totals == walked["totals"]


def test_two_images_are_compared_by_what_is_in_their_files() -> None:
    data = layer({"a": b"1", "big": bytes(200_000)}, symlinks={"soft": "a"})
    files = chain([read(io.BytesIO(data), digests=True)]).files  # type: ignore[arg-type]
    assert files["/soft"][-1] == "-> a"
    assert (files["/a"][3], len(files["/a"][-1])) == (1, 64)
    assert files["/big"][-1] != files["/a"][-1]
    assert chain([read(io.BytesIO(data))]).files == {}  # type: ignore[arg-type]
