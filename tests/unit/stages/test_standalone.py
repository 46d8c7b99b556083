"""`health-check` without `--gpus` asks for what is in this machine and nobody shows, unless it is hidden on purpose."""

from __future__ import annotations

import pytest

from mlops_ci.stages import standalone


@pytest.mark.parametrize(
    ("nodes", "waited", "shown", "asked"),
    [(0, 0.0, None, 0), (2, 0.0, None, 2), (0, 10.1, None, 1), (2, 10.1, "0", 2), (2, 10.1, "", 0), (2, 0.0, "-1", 0)],
)
def test_gpus_that_nobody_shows(monkeypatch, nodes, waited, shown, asked):
    monkeypatch.setattr(standalone, "device_nodes", lambda: nodes)
    monkeypatch.setattr(standalone.nvidia_smi, "waited", lambda: waited)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert standalone.unseen() == asked
