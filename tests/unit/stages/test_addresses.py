"""What `[publish]` says about transfers reaches the store."""

from mlops_ci.settings.publish import PublishSettings
from mlops_ci.settings.settings import Settings, Tables
from mlops_ci.settings.train import TrainSettings
from mlops_ci.settings.units import Size
from mlops_ci.stages.addresses import store_opener
from mlops_ci.stores.limits import Limits, StoreOptions


def options(monkeypatch, tmp_path, publish):
    asked = {}
    monkeypatch.setattr("mlops_ci.stages.addresses.open_store", lambda uri, **how: asked.update(how, uri=uri))
    tables = Tables(train=TrainSettings(command="python train.py"), publish=publish)
    store_opener(Settings(root=tmp_path, file=None, mode="main", tables=tables))("s3://bucket/x")
    return asked


def test_limits_and_encryption(monkeypatch, tmp_path):
    publish = PublishSettings(sse="aws:kms", sse_key="alias/models", max_bandwidth=Size(50 << 20), max_concurrency=4)
    asked = options(monkeypatch, tmp_path, publish)
    assert asked["options"] == StoreOptions(
        limits=Limits(bandwidth=50 << 20, concurrency=4), sse="aws:kms", sse_key="alias/models"
    )


def test_the_defaults(monkeypatch, tmp_path):
    assert options(monkeypatch, tmp_path, PublishSettings())["options"] == StoreOptions()
