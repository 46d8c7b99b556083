from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlops_ci.stores.errors import StoreAccessError, StoreAddressError
from mlops_ci.stores.local import LocalStore
from mlops_ci.stores.open import open_store, split_s3
from mlops_ci.stores.s3_client import MissingExtraError


@pytest.fixture(autouse=True)
def no_instance_metadata(monkeypatch):
    """boto3 looks for credentials when a client is made, at last on the network."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_a_folder_is_a_local_store_and_its_address_opens_it_again(tmp_path):
    store = open_store(str(tmp_path / "store"))
    store.put_bytes("a", b"1", only_if_absent=True)
    assert open_store(store.uri).get_bytes("a") == b"1"


def test_a_file_address_names_a_folder(tmp_path):
    store = open_store((tmp_path / "with space").as_uri())
    assert store.uri == str(tmp_path / "with space")


def test_opening_a_store_writes_nothing(tmp_path):
    open_store(str(tmp_path / "store"))
    assert list(tmp_path.iterdir()) == []


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_store("~/store").uri == str(tmp_path / "store")


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket/a/b/", ("bucket", "a/b")),
        ("s3://my.bucket-1/x", ("my.bucket-1", "x")),
    ],
)
def test_s3_addresses(uri, parts):
    assert split_s3(uri) == parts


@pytest.mark.parametrize(
    "uri",
    [
        "s3://",
        "s3:///prefix",
        "s3://B/x",
        "s3://under_score/x",
        "s3://bucket/a//b",
        "s3://bucket/../x",
        "gs://bucket",
        "",
    ],
)
def test_other_addresses_are_refused_with_an_example(uri):
    with pytest.raises(StoreAddressError) as caught:
        open_store(uri)
    assert caught.value.exit_code == 2
    assert "s3://bucket/prefix" in caught.value.hint


def test_a_file_address_of_another_machine_is_refused():
    with pytest.raises(StoreAddressError, match="no file of this machine"):
        open_store("file://elsewhere/folder")


def test_without_boto3_an_s3_address_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtraError) as caught:
        open_store("s3://bucket/prefix")
    assert caught.value.exit_code == 3
    assert 'pip install "mlops-ci[s3]"' in caught.value.hint


def test_a_local_store_needs_no_boto3(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert isinstance(open_store(str(tmp_path)), LocalStore)


def test_an_aws_profile_that_does_not_exist_is_refused_credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_PROFILE", "absent")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreAccessError) as caught:
        open_store("s3://bucket/prefix")
    assert caught.value.exit_code == 3
    assert "AWS_PROFILE" in caught.value.hint


def test_an_endpoint_that_is_no_address_is_a_usage_error():
    with pytest.raises(StoreAddressError) as caught:
        open_store("s3://bucket/prefix", endpoint="not an address")
    assert "endpoint" in caught.value.hint


def test_the_password_in_an_endpoint_is_never_shown():
    store = open_store("s3://bucket/prefix", endpoint="http://user:s3cr3t-word@127.0.0.1:1")
    assert "s3cr3t-word" not in store._bucket._connection.address


def test_other_servers_get_path_style_also_from_the_aws_configuration_file(monkeypatch, tmp_path):
    config = tmp_path / "config"
    config.write_text("[default]\nendpoint_url = http://s3.site.example:9000\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    by_file = open_store("s3://bucket/prefix")._bucket.client
    assert by_file.meta.endpoint_url == "http://s3.site.example:9000"
    assert by_file.meta.config.s3 == {"addressing_style": "path"}
    monkeypatch.setenv("AWS_CONFIG_FILE", str(Path("/nonexistent")))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://other.example")
    by_variable = open_store("s3://bucket/prefix")._bucket.client
    assert by_variable.meta.config.s3 == {"addressing_style": "path"}
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    aws = open_store("s3://bucket/prefix", region="eu-west-1")._bucket.client
    assert "path" not in str(aws.meta.config.s3)
    assert "eu-west-1" in aws.meta.endpoint_url
