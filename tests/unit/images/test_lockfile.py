"""Reading our own locks."""

from pathlib import Path

import pytest

from mlops_ci.images import lockfile
from mlops_ci.images.lockfile import LockError

ONE, TWO = "1" * 64, "2" * 64


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.lock"
    path.write_text(text)
    return path


def test_pins_with_hashes_and_markers(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"# made by a program\nTorch==2.13.0+cpu \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO}\n"
        f"numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:{ONE}\n"
        f"numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:{TWO}\n",
    )
    torch, old, new = lockfile.read(path)
    assert (torch.name, str(torch.version), torch.hashes) == ("torch", "2.13.0+cpu", {ONE, TWO})
    assert torch.applies()
    assert (old.applies({"python_full_version": "3.11.2"}), new.applies({"python_full_version": "3.11.2"})) == (
        True,
        False,
    )
    assert torch.text + old.text + new.text == path.read_text().partition("\n")[2]


@pytest.mark.parametrize("text", ["numpy==2.0\n", f"numpy>=2 --hash=sha256:{ONE}\n"])
def test_nothing_unpinned(tmp_path: Path, text: str) -> None:
    with pytest.raises(LockError, match="no exact version and hash"):
        lockfile.read(write(tmp_path, text))


def test_missing_lock(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="cannot be read"):
        lockfile.read(tmp_path / "none.lock")
