"""Verdicts that still count, histories, and the ranking that names the lemon."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mlops_ci.fleet import history
from mlops_ci.fleet.cache import Cache, computed
from mlops_ci.fleet.document import Health, HealthFormatError, read, written
from mlops_ci.fleet.ranking import rank
from mlops_ci.records.verify import CheckedDevice, HealthCheck, VerifyOutputs
from mlops_ci.run.clock import stamp
from mlops_ci.stores.open import open_store

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def look(host="node-a", uuid="GPU-a", speed=700.0, sick=(), at=NOW, verdict=None, code=None):
    checks = [HealthCheck(id="matmul.bf16.cuda:0", status="PASS", value=speed, unit="TFLOPS", uuid=uuid)]
    checks += [HealthCheck(id=f"{name}.cuda:0", status="BLOCK", cause="x", node=True, uuid=uuid) for name in sick]
    result = VerifyOutputs(
        verdict=verdict or ("unhealthy" if sick else "healthy"),
        checks=tuple(checks),
        devices=(uuid,),
        details=(CheckedDevice(device="cuda:0", name="NVIDIA H100", uuid=uuid),),
        host=host,
        computed_at=stamp(at),
    )
    exit_code = (11 if sick else 0) if code is None else code
    return Health(at=stamp(at), run="r1", image="abc", gpus=1, exit_code=exit_code, result=result)


def test_a_document_comes_back_as_it_was():
    import json

    health = look()
    data = json.dumps(written(health))
    assert json.loads(data)["schema"] == "mlops-ci/health/1"
    assert read(data, "x") == health


@pytest.mark.parametrize("data", ["", "[]", "{}", '{"schema": "mlops-ci/health/2"}', '{"schema": "mlops-ci/health/1"}'])
def test_what_is_no_document_is_refused(data):
    with pytest.raises(HealthFormatError):
        read(data, "x")


def cache(folder, **key):
    return Cache(folder=folder, key={"boot": "b1", "devices": ["GPU-a"], "image": "abc", **key})


def test_a_verdict_counts_for_the_same_boot_gpus_and_image_only(tmp_path):
    cache(tmp_path).keep(look())
    assert cache(tmp_path).valid(NOW + timedelta(minutes=59), 3600) == look()
    assert cache(tmp_path).valid(NOW + timedelta(minutes=61), 3600) is None
    for other in ({"boot": "b2"}, {"devices": ["GPU-b"]}, {"image": "def"}):
        assert cache(tmp_path, **other).valid(NOW, 3600) is None


def test_a_verdict_of_the_future_or_a_damaged_one_does_not_count(tmp_path):
    cache(tmp_path).keep(look(at=NOW + timedelta(hours=1)))
    assert cache(tmp_path).valid(NOW, 3600) is None
    cache(tmp_path).path.write_text("{")
    assert cache(tmp_path).valid(NOW, 3600) is None


@pytest.mark.parametrize("health", [look(verdict="degraded"), look(sick=["nvlink"])])
def test_only_a_good_verdict_counts(tmp_path, health):
    cache(tmp_path).keep(health)
    assert cache(tmp_path).valid(NOW, 3600) is None


def test_a_sick_node_has_nothing_to_count_on(tmp_path):
    cache(tmp_path).keep(look())
    cache(tmp_path).forget()
    assert cache(tmp_path).valid(NOW, 3600) is None


def test_what_costs_gpu_time_is_what_counts():
    checks = [HealthCheck(id=name, status="PASS") for name in ("remap.pending.cuda:0", "matmul.bf16.cuda:0", "shm")]
    assert [one.id for one in computed(checks)] == ["matmul.bf16.cuda:0"]


def test_a_history_keeps_looks_by_node_in_the_order_of_time(tmp_path):
    store = open_store(str(tmp_path))
    for hours in (2, 0, 1):
        history.keep(store, look(at=NOW + timedelta(hours=hours), speed=700 + hours))
    history.keep(store, look(host="node b/../c", uuid="GPU-b"))
    mine = list(history.looks(store, "node-a"))
    assert [one.at for one in mine] == sorted(one.at for one in mine)
    assert [one.at for one in history.looks(store, "node-a", newest=2)] == [one.at for one in mine[1:]]
    assert history.past(mine) == {"GPU-a": {"matmul.bf16": [700.0, 701.0, 702.0]}}
    assert len(list(history.looks(store))) == 4


def test_what_is_not_ours_in_a_history_is_passed_over(tmp_path):
    store = open_store(str(tmp_path))
    store.put_bytes("node-a/other.json", b"{}", only_if_absent=False)
    assert list(history.looks(store)) == []


def test_the_node_that_fails_and_its_gpu_are_the_lemons():
    found = [look(f"node-{name}", f"GPU-{name}", at=NOW + timedelta(hours=hour)) for name in "abc" for hour in range(4)]
    found += [look("node-b", "GPU-b", sick=["remap.pending"], at=NOW + timedelta(days=day)) for day in (1, 2)]
    ranks = rank(found)
    assert {one.name for one in ranks if one.lemon} == {"node-b", "GPU-b"}
    assert {one.name for one in ranks[:2]} == {"node-b", "GPU-b"}
    assert ranks[0].why == ("remap.pending",)
    assert (ranks[0].looks, ranks[0].unhealthy) == (6, 2)


def test_a_slow_gpu_is_a_lemon_without_any_failure():
    found = [look(f"node-{name}", f"GPU-{name}", speed=600 if name == "c" else 700) for name in "abcde"]
    assert {one.name for one in rank(found) if one.lemon} == {"node-c", "GPU-c"}


def test_a_wrong_configuration_says_nothing_of_the_node():
    health = look(sick=["torch.build"], code=3)
    checks = tuple(replace(one, node=False) for one in health.result.checks)
    found = [replace(health, result=replace(health.result, checks=checks))] * 3
    assert not any(one.unhealthy or one.lemon for one in rank(found))


def test_nothing_is_ranked_of_nothing():
    assert rank([]) == []
