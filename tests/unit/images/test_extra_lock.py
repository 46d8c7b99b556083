"""The lock of extra packages: what it may hold, and what is said of the rest."""

from pathlib import Path

import pytest

from mlops_ci.images import extra_lock
from mlops_ci.images.extra_lock import ExtraLock, ExtraLockError

HASH = "--hash=sha256:" + "a" * 64
OTHER = "--hash=sha256:" + "b" * 64
KEPT = ("torch", "torchvision", "nvidia-*")


def read(root: Path, text: str) -> ExtraLock:
    (root / "extra.lock").write_text(text)
    return extra_lock.read("extra.lock", root=root, where="mlops.toml:3: [image] extra", kept=KEPT)


def test_what_uv_and_pip_tools_write(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"# by uv\nEinops==0.8.0 \\\n    {HASH} \\\n    {OTHER}\n    # via -r extra.in\n"
        f"tomli==2.0.1 ; python_version < '3.11' {HASH}\n",
    )
    assert [(pin.name, str(pin.version), len(pin.hashes)) for pin in found.pins] == [
        ("einops", "0.8.0", 2),
        ("tomli", "2.0.1", 1),
    ]
    assert found.pins[0].text == f"einops==0.8.0 {HASH} {OTHER}\n"
    assert not found.pins[1].applies({"python_version": "3.11"})


def test_comments_and_order_are_no_content(tmp_path: Path) -> None:
    one = read(tmp_path, f"a==1 {HASH}\nb==2 {OTHER}\n").content
    assert one == read(tmp_path, f"# later\nb==2 {OTHER}\na==1 \\\n {HASH}\n").content
    assert one != read(tmp_path, f"a==1 {OTHER}\nb==2 {OTHER}\n").content


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a==1\n", "extra.lock:1: a has no hash"),
        (f"a==1 {HASH}\nb==2\n", "extra.lock:2: b has no hash"),
        ("a==1 --hash=md5:00\n", "a has no hash"),
        ("a==1 --hash=sha256:00\n", "a has no hash"),
        (f"a {HASH}\n", "a has no exact version"),
        (f"a>=1 {HASH}\n", "a has no exact version"),
        (f"a==1.* {HASH}\n", "a has no exact version"),
        (f"a @ https://example.invalid/a.whl {HASH}\n", "a has no exact version"),
        ("\n--index-url https://example.invalid/simple\n", "extra.lock:2: `--index-url` is an option"),
        ("-r other.txt\n", "`-r` is an option"),
        ("-e .\n", "`-e` is an option"),
        (f"./local {HASH}\n", "is no locked package"),
        (f"Torch==2.13.0 {HASH}\n", "torch comes with the image"),
        (f"nvidia-cudnn-cu12==9 {HASH}\n", "nvidia-cudnn-cu12 comes with the image"),
        (f"a==1 {HASH}\na==2 {HASH}\n", "names a twice"),
        ("# nothing\n", "names no package"),
    ],
)
def test_refused_with_the_place_and_the_next_step(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ExtraLockError) as caught:
        read(tmp_path, text)
    assert said in caught.value.cause
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read_or_lies_outside(tmp_path: Path) -> None:
    (tmp_path / "extra.lock").write_bytes(b"\xff\xfe")
    for name, said in (("extra.lock", "it is no UTF-8 text"), ("../x.lock", "lies outside the project")):
        with pytest.raises(ExtraLockError) as caught:
            extra_lock.read(name, root=tmp_path, where="mlops.toml:3", kept=())
        assert said in caught.value.cause
