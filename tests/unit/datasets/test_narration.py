from __future__ import annotations

import time

from mlops_ci.datasets.narration import spoken
from mlops_ci.stores.base import Progress


def test_it_speaks_every_ten_seconds_and_not_more(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lines = []
    tell = spoken(lines.append, "fetching the data")
    for second in range(25):
        now[0] = 100.0 + second
        tell(Progress(files=second, bytes=second * 10**6, total_files=30, total_bytes=30 * 10**6))
    assert lines == ["fetching the data: 10 of 30 files, 10 of 30 MB", "fetching the data: 20 of 30 files, 20 of 30 MB"]


def test_without_a_listener_nothing_is_counted():
    assert spoken(None, "x") is None
