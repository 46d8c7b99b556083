"""The guest's zipapp is looked into once, and again when somebody changed it."""

import pytest

from mlops_ci.engines import guestfile
from mlops_ci.guest import bundle


def test_it_is_compared_once_and_made_again_when_it_is_another(tmp_path, monkeypatch: pytest.MonkeyPatch):
    asked = []
    real = bundle.build

    def counted(target):
        asked.append(target)
        return real(target)

    monkeypatch.setattr(bundle, "build", counted)
    path = guestfile.guest_file(tmp_path)
    good = path.read_bytes()
    assert guestfile.guest_file(tmp_path) == path
    assert asked == [path]
    path.write_bytes(b"changed")
    assert guestfile.guest_file(tmp_path).read_bytes() == good
    path.unlink()
    assert guestfile.guest_file(tmp_path).read_bytes() == good
    assert asked == [path] * 3
