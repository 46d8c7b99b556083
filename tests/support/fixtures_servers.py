"""S3 and MLflow servers for tests: the testbed's where one runs, else one for this test session."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .fixtures_testbed import found_or_skip
from .testbed import tools
from .testbed.mlflow_server import MlflowServer
from .testbed.s3_server import S3Server
from .testbed.service import Service, running
from .testbed.state import State


@dataclasses.dataclass(frozen=True, kw_only=True)
class S3Endpoint:
    """Where a test's S3 server is, and its keys. Buckets are the test's own to create, with a name of its own."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> S3Endpoint:
        """From what the testbed exports."""
        return cls(
            endpoint=environment["MLOPS_CI_TEST_S3_ENDPOINT"],
            access_key=environment["AWS_ACCESS_KEY_ID"],
            secret_key=environment["AWS_SECRET_ACCESS_KEY"],
            region=environment["AWS_DEFAULT_REGION"],
        )

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 reads the keys from."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Endpoint]:
    """A real S3 server."""
    with _exports(S3Server, "MLOPS_CI_TEST_S3_ENDPOINT", needs="weed") as environment:
        yield S3Endpoint.of(environment)


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[str]:
    """The tracking URI of a real MLflow server."""
    with _exports(MlflowServer, "MLOPS_CI_TEST_MLFLOW_URI", needs="mlflow") as environment:
        yield environment["MLOPS_CI_TEST_MLFLOW_URI"]


@contextlib.contextmanager
def own(service: type[Service]) -> Iterator[Mapping[str, str]]:
    """A server for a `with` block, for tests that stop or kill one; gives what it exports."""
    # Not below pytest's temporary folder: its names are too long for the Unix sockets that SeaweedFS makes.
    root = Path(tempfile.mkdtemp(prefix="mlops-ci-"))
    try:
        with running(service(State(root))) as record:
            yield record.environment
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def _exports(service: type[Service], variable: str, *, needs: str) -> Iterator[Mapping[str, str]]:
    if variable in os.environ:
        yield os.environ
        return
    found_or_skip(tools.find(needs), needs)
    with own(service) as environment:
        yield environment
