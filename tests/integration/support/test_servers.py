"""The test servers are real ones: they refuse what a real one refuses, and leave nothing behind."""

from __future__ import annotations

import json
import urllib.request
import uuid
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.fixtures_servers import S3Endpoint, own
from support.testbed import processes, tools
from support.testbed.s3_server import S3Server


def client(server: S3Endpoint, *, secret: str | None = None):
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=secret or server.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def bucket(s3_server: S3Endpoint) -> str:
    name = f"testbed-{uuid.uuid4().hex}"
    client(s3_server).create_bucket(Bucket=name)
    return name


def test_s3_refuses_a_wrong_secret(s3_server: S3Endpoint) -> None:
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client(s3_server, secret="wrong").list_buckets()


def test_s3_refuses_a_wrong_digest_and_a_second_creation(s3_server: S3Endpoint, bucket: str) -> None:
    s3 = client(s3_server)
    with pytest.raises(ClientError):
        s3.put_object(Bucket=bucket, Key="a", Body=b"x", ChecksumSHA256="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"y", IfNoneMatch="*")


def test_mlflow_answers_its_api(mlflow_server: str) -> None:
    with urllib.request.urlopen(f"{mlflow_server}/api/2.0/mlflow/experiments/get?experiment_id=0", timeout=30) as reply:
        assert json.load(reply)["experiment"]["name"] == "Default"


def test_a_server_of_a_tests_own_leaves_nothing() -> None:
    if tools.find("weed") is None:
        pytest.skip("there is no `weed` here: run `bin/testbed install s3`")
    with own(S3Server) as environment:
        server = S3Endpoint.of(environment)
        client(server).create_bucket(Bucket="mine")
        port = server.endpoint.rpartition(":")[2]
        running = processes.naming(f"-s3.port={port}")
        root = Path(Path(f"/proc/{running[0]}/cwd").readlink())
        assert len(running) == 1
    assert processes.naming(f"-s3.port={port}") == []
    assert not root.exists()
