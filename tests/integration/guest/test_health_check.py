"""`mlops-ci health-check` as the owner of a node types it: no project, no configuration, any Python that has torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from mlops_ci.engines.devices import visible_devices
from support.cli import clean_environment


def said(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**clean_environment(), "XDG_CACHE_HOME": str(folder / "cache"), "MLOPS_CI_PROVIDER": "local"}
    return subprocess.run(
        [sys.executable, "-m", "mlops_ci", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_look_without_any_configuration_and_the_ranking_of_its_history(python_with_torch, tmp_path):
    look = ("health-check", "--python", python_with_torch, "--level", "static", "--history", tmp_path / "looks")
    done = said(tmp_path, *look, "--gpus", "0", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["schema"], found["result"]["verdict"]) == ("mlops-ci/health/1", "cpu-only")

    more = len(visible_devices(os.environ)) + 1
    refused = said(tmp_path, *look, "--gpus", str(more), "--check", "driver.present", "--format", "prometheus")
    assert refused.returncode in (3, 11), refused.stderr
    assert 'verdict="unhealthy"} 1' in refused.stdout
    assert "    do: " in refused.stderr

    wrong = said(tmp_path, *look, "--gpus", "0", "--check", "driver.presnt")
    assert (wrong.returncode, "did you mean `driver.present`?" in wrong.stderr) == (2, True)

    ranked = said(tmp_path, "verify", "--history", tmp_path / "looks")
    assert ranked.returncode == 0, ranked.stderr
    assert "of 2 unhealthy" in ranked.stdout
    assert ranked.stdout.splitlines()[-1].startswith("lemons: ")
