"""A fleet's history on a real S3 server: every node adds its looks, and one command names the lemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from mlops_ci.fleet import history
from mlops_ci.fleet.document import Health
from mlops_ci.records.verify import CheckedDevice, HealthCheck, VerifyOutputs
from mlops_ci.run.clock import stamp

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def look(host: str, *, sick: bool, day: int) -> Health:
    uuid = f"GPU-of-{host}"
    checks = [HealthCheck(id="matmul.bf16.cuda:0", status="PASS", value=700.0 + day, unit="TFLOPS", uuid=uuid)]
    if sick:
        checks.append(HealthCheck(id="remap.pending.cuda:0", status="BLOCK", cause="x", node=True, uuid=uuid))
    result = VerifyOutputs(
        verdict="unhealthy" if sick else "healthy",
        checks=tuple(checks),
        devices=(uuid,),
        details=(CheckedDevice(device="cuda:0", name="NVIDIA H100", uuid=uuid),),
        host=host,
        computed_at=stamp(NOW),
    )
    return Health(
        at=stamp(NOW + timedelta(days=day)),
        run=f"r{day}",
        image="i",
        gpus=1,
        exit_code=11 if sick else 0,
        result=result,
    )


def test_a_fleet_is_ranked_from_s3(place) -> None:
    store = place.store()
    for day in range(3):
        history.keep(store, look("gpu-02", sick=False, day=day))
        history.keep(store, look("gpu-07", sick=day > 0, day=day))
    assert history.past(list(history.looks(place.store(), "gpu-02", newest=2))) == {
        "GPU-of-gpu-02": {"matmul.bf16": [701.0, 702.0]}
    }
    place.put("gpu-02/notes.json", b"{}")
    done = subprocess.run(
        [sys.executable, "-m", "mlops_ci", "verify", "--history", place.uri, "--json"],
        env={**os.environ, "MLOPS_CI_PUBLISH__ENDPOINT": place.server.endpoint, "MLOPS_CI_PROVIDER": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ranks = {one["name"]: one for one in json.loads(done.stdout)}
    assert {name for name, one in ranks.items() if one["lemon"]} == {"gpu-07", "GPU-of-gpu-07"}
    assert (ranks["gpu-07"]["looks"], ranks["gpu-07"]["unhealthy"]) == (3, 2)
