"""`[publish] sse` is how a real S3 server keeps objects: small ones, whichever way they are sent, and large ones."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from mlops_ci.stores.base import Upload
from mlops_ci.stores.limits import StoreOptions
from mlops_ci.stores.open import open_store
from mlops_ci.stores.s3_transfers import LARGE
from support.fixtures_servers import S3Endpoint, own
from support.s3_places import BUCKET, S3Place, make_bucket, raw_client, use_credentials
from support.testbed.s3_server import S3Server

SMALL = 40


@pytest.fixture(scope="module")
def server(s3_server: S3Endpoint) -> Iterator[S3Endpoint]:
    """One that has keys to encrypt with: a testbed that an older checkout started has none."""
    make_bucket(s3_server)
    try:
        raw_client(s3_server).put_object(Bucket=BUCKET, Key="encrypted", Body=b"1", ServerSideEncryption="AES256")
    except ClientError:
        with own(S3Server) as environment:
            yield S3Endpoint.of(environment)
    else:
        yield s3_server


@pytest.fixture
def encrypted(server: S3Endpoint, monkeypatch: pytest.MonkeyPatch) -> S3Place:
    use_credentials(monkeypatch, server)
    make_bucket(server)
    return S3Place(server=server, prefix=f"test-{uuid.uuid4().hex[:12]}")


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (StoreOptions(sse="AES256"), ("AES256", None)),
        (StoreOptions(sse="aws:kms", sse_key="alias/models"), ("aws:kms", "alias/models")),
    ],
    ids=lambda one: getattr(one, "sse", None),
)
def test_every_object_is_encrypted_as_asked_and_comes_back(encrypted, tmp_path, options, kept):
    store = open_store(encrypted.uri, endpoint=encrypted.server.endpoint, options=options)
    encrypted.requests.watch(store)
    contents = [b"%d" % number for number in range(SMALL)] + [b"a" * (LARGE + 1)]
    items = []
    for number, content in enumerate(contents):
        path = tmp_path / str(number)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        items.append(Upload(key=f"objects/{digest}", path=path, sha256=digest, bytes=len(content)))
    assert store.put_bytes("note.json", b"{}", only_if_absent=True)
    assert store.put_files(items) == (len(items), 0)
    assert store.put_files(items) == (0, len(items))
    for key in ("note.json", *(one.key for one in items)):
        found = encrypted.raw().head_object(Bucket=BUCKET, Key=f"{encrypted.prefix}/{key}")
        assert (found.get("ServerSideEncryption"), found.get("SSEKMSKeyId")) == kept, key
    assert [store.hash_object(one.key).sha256 for one in (items[0], items[-1])] == [items[0].sha256, items[-1].sha256]
