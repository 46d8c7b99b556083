"""The program that looks into an image, on a folder that stands for one."""

import json
from pathlib import Path

import pytest

from mlops_ci.guest import inventory

KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{'A' * 70}\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(inventory, "IN_CACHES", (str(tmp_path / "var/cache/apt") + "/",))
    files = {
        "usr/bin/su": "x",
        "usr/bin/ls": "x",
        "etc/ssh/ssh_host_ed25519_key": "x",
        "home/key": KEY,
        "docs/readme": "-----BEGIN PRIVATE KEY-----\n...",
        "var/cache/apt/pkgcache.bin": "x",
        "usr/lib/libcuda.so.1": "x",
        "usr/local/cuda/compat/libcuda.so.1": "x",
        "etc/shadow": "root:*:1::\nmlops:!:1::\nbad:$y$abc:1::\n",
        "v/site-packages/demo-1.0.dist-info/RECORD": "demo.py,sha256=x,100\ndemo/__pycache__/x.pyc,,\nRECORD,,\n",
        "v/site-packages/__pycache__/demo.pyc": "12345",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "usr/bin/su").chmod(0o4755)
    (tmp_path / "usr/bin/link").symlink_to("su")
    return tmp_path


def test_it_finds_what_must_not_be_there(root: Path) -> None:
    found = inventory.inventory(str(root))
    at = {name: [str(Path(path).relative_to(root)) for path in found[name]] for name in inventory.FOUND}
    assert at == {
        "setid": ["usr/bin/su"],
        "caches": ["var/cache/apt/pkgcache.bin"],
        "host_keys": ["etc/ssh/ssh_host_ed25519_key"],
        "private_keys": ["home/key"],
        "drivers": ["usr/lib/libcuda.so.1"],
    }
    assert found["passwords"] == ["bad"]


def test_it_weighs_wheels_and_bytecode(root: Path) -> None:
    found = inventory.inventory(str(root))
    assert found["distributions"] == [{"name": "demo", "version": "1.0", "bytes": 100}]
    assert found["totals"]["bytecode"] == 5
    assert found["totals"]["files"] == 11


def test_with_digests_every_path_can_be_compared(root: Path) -> None:
    files = json.loads(json.dumps(inventory.inventory(str(root), digests=True)))["files"]
    assert files[str(root / "usr/bin/link")][5] == "-> su"
    assert files[str(root / "usr/bin/su")][0] == "0o4755"
    assert len(files[str(root / "usr/bin/ls")][5]) == 64
