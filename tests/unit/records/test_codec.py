"""Records survive the way to disk and back, and a damaged one is told with its path."""

import json

import pytest

from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.records.evaluate import Champion, EvaluateOutputs, Gate
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.record import ErrorInfo, Record
from mlops_ci.records.verify import HealthCheck, VerifyOutputs


def record(**changes):
    values = {
        "run": "r",
        "stage": "train",
        "attempt": 1,
        "status": "failed",
        "exit_code": 20,
        "reason": "boom",
        "error": ErrorInfo(class_="user-error", cause="boom", hint="mend it"),
        "started_at": "2026-01-01T00:00:00.000Z",
        "finished_at": "2026-01-01T00:00:01.000Z",
        "seconds": 1.0,
        "fingerprint": "f",
        "version": "0",
        "provider": "local",
        "engine": "host",
        "variant": "cpu",
        "host": "h",
    }
    return Record(**{**values, **changes})


def through_disk(value):
    return from_json(type(value), json.loads(json.dumps(to_json(value))))


@pytest.mark.parametrize(
    "value",
    [
        record(),
        record(error=None, outputs={"a": [1, {"b": None}]}, warnings=("w",)),
        PromoteOutputs(alias="champion", from_=None, to="3"),
        VerifyOutputs(
            verdict="cpu-only",
            checks=(HealthCheck(id="shm", status="WARN", value=64.0, limit=1024, unit="MiB"),),
            devices=("cpu",),
        ),
        EvaluateOutputs(
            verdict="keep",
            champion=Champion(name="m", version="1", metrics={"accuracy": 0.9}, data_digest=None),
            gates=(Gate(id="floor.accuracy", verdict="pass", value=1.0, limit=0.5, interval=(0.1, 0.2)),),
            metrics={"accuracy": 1.0},
            why="not better",
        ),
    ],
)
def test_to_disk_and_back(value):
    assert through_disk(value) == value


def test_keys_are_those_that_other_tools_read():
    data = to_json(record())
    assert data["schema"] == "mlops-ci/record/1"
    assert data["error"] == {"class": "user-error", "cause": "boom", "hint": "mend it", "again": []}
    assert to_json(PromoteOutputs(alias="a", from_="1", to="2")) == {
        "alias": "a",
        "from": "1",
        "to": "2",
        "approved_by": None,
    }


def test_a_newer_versions_keys_are_ignored():
    assert from_json(Record, {**to_json(record()), "color": "red"}) == record()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"status": "green"}, "record.status"),
        ({"attempt": "1"}, "record.attempt"),
        ({"attempt": True}, "record.attempt"),
        ({"seconds": "long"}, "record.seconds"),
        ({"error": {"cause": "x"}}, "record.error: the key `class`"),
        ({"warnings": "w"}, "record.warnings"),
        ({"outputs": []}, "record.outputs"),
    ],
)
def test_a_wrong_type_is_told_with_its_path(change, told):
    with pytest.raises(RecordFormatError) as caught:
        from_json(Record, {**to_json(record()), **change})
    assert told in caught.value.cause
    assert caught.value.exit_code == 2


def test_a_missing_key_is_told():
    data = to_json(record())
    del data["fingerprint"]
    with pytest.raises(RecordFormatError, match="fingerprint"):
        from_json(Record, data)
    with pytest.raises(RecordFormatError, match="expected an object"):
        from_json(Record, [1])


def test_a_non_finite_number_becomes_null():
    assert to_json({"loss": float("nan"), "top": float("inf")}) == {"loss": None, "top": None}
