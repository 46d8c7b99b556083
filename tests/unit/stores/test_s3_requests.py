"""What is said to S3, at botocore's own edge: encryption, conditions, checksums, a job's identity."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest
from botocore.stub import ANY, Stubber

from mlops_ci.settings.publish import PublishSettings
from mlops_ci.stores.base import Meter, Upload
from mlops_ci.stores.errors import StoreAccessError
from mlops_ci.stores.limits import Limits, StoreOptions
from mlops_ci.stores.s3_bucket import Bucket
from mlops_ci.stores.s3_client import connect
from mlops_ci.stores.s3_parts import LEAST_PART, PART, PartsSender, plan, step_of

KMS = StoreOptions(sse="aws:kms", sse_key="alias/models")
ENCRYPTED = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/models"}


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def bucket(options=KMS, **where):
    where = {"endpoint": "http://s3.example", "region": None, **where}
    connection = connect(ca_bundle=None, options=options, **where)
    return Bucket(connection, name="models", prefix="team")


def sha(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def test_a_small_object_is_conditional_checked_and_encrypted():
    made = bucket()
    with Stubber(made.client) as stub:
        expected = {
            "Bucket": "models",
            "Key": "team/x",
            "IfNoneMatch": "*",
            "ContentType": "application/octet-stream",
            "ChecksumSHA256": sha(b"1"),
            "Metadata": {"sha256": hashlib.sha256(b"1").hexdigest()},
            "Body": b"1",
            **ENCRYPTED,
        }
        stub.add_response("put_object", {}, expected)
        assert made.create("x", b"1", hashlib.sha256(b"1").digest(), replace=False)
        stub.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
        assert not made.create("x", b"1", hashlib.sha256(b"1").digest(), replace=False)


def test_a_key_that_may_not_be_used_says_so():
    made = bucket()
    with Stubber(made.client) as stub:
        stub.add_client_error("put_object", "AccessDenied", "not authorized to perform: kms:GenerateDataKey", 403)
        with pytest.raises(StoreAccessError, match="kms:GenerateDataKey") as caught:
            made.create("x", b"1", hashlib.sha256(b"1").digest(), replace=False)
    assert caught.value.exit_code == 3


def test_a_large_object_is_encrypted_from_its_beginning_and_checked_part_by_part_and_as_a_whole(tmp_path):
    data = b"a" * PART + b"b" * 10
    (tmp_path / "f").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    item = Upload(key=f"objects/{digest}", path=tmp_path / "f", sha256=digest, bytes=len(data))
    place = {"Bucket": "models", "Key": f"team/{item.key}"}
    # In the order of this test, not of threads.
    made = bucket(StoreOptions(sse="aws:kms", sse_key="alias/models", limits=Limits(concurrency=1)))
    blocks = [data[:PART], data[PART:]]
    sums = [base64.b64encode(zlib.crc32(block).to_bytes(4, "big")).decode() for block in blocks]
    whole = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    with Stubber(made.client) as stub:
        stub.add_response("list_multipart_uploads", {}, {"Bucket": "models", "Prefix": place["Key"]})
        begin = {
            **place,
            **ENCRYPTED,
            "ContentType": "application/octet-stream",
            "Metadata": {"sha256": digest},
            "ChecksumAlgorithm": "CRC32",
            "ChecksumType": "FULL_OBJECT",
        }
        stub.add_response("create_multipart_upload", {"UploadId": "u"}, begin)
        one = PartsSender(made, item, Meter(files=1, size=len(data), on_progress=None))
        for number in (1, 2):
            sent = {**place, "UploadId": "u", "PartNumber": number, "Body": ANY, "ChecksumCRC32": sums[number - 1]}
            stub.add_response("upload_part", {"ETag": f'"{number}"'}, sent)
        done = {
            **place,
            "UploadId": "u",
            "MultipartUpload": {
                "Parts": [
                    {"PartNumber": number, "ETag": f'"{number}"', "ChecksumCRC32": sums[number - 1]}
                    for number in (1, 2)
                ]
            },
            "ChecksumType": "FULL_OBJECT",
            "ChecksumCRC32": whole,
            "IfNoneMatch": "*",
        }
        stub.add_response("complete_multipart_upload", {}, done)
        assert one.send()
        stub.assert_no_pending_responses()


def test_parts_that_the_server_lists_with_their_checksums_are_not_sent_again(tmp_path):
    """As AWS lists them; nothing but the checksum decides."""
    data = bytes(2 * PART)
    (tmp_path / "f").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    item = Upload(key=digest, path=tmp_path / "f", sha256=digest, bytes=len(data))
    made = bucket()
    right = base64.b64encode(zlib.crc32(bytes(PART)).to_bytes(4, "big")).decode()
    upload = {
        "Key": f"team/{digest}",
        "UploadId": "u",
        "Initiated": "2026-11-26T00:00:00Z",
        "ChecksumAlgorithm": "CRC32",
        "ChecksumType": "FULL_OBJECT",
    }
    older = {**upload, "UploadId": "old", "Initiated": "2026-11-25T00:00:00Z"}
    other = {**upload, "UploadId": "other", "ChecksumAlgorithm": "SHA256", "Initiated": "2026-11-27T00:00:00Z"}
    with Stubber(made.client) as stub:
        stub.add_response("list_multipart_uploads", {"Uploads": [older, upload, other]}, None)
        parts = [{"PartNumber": n, "ETag": f'"kms-{n}"', "Size": PART, "ChecksumCRC32": right} for n in (1, 2)]
        stub.add_response("list_parts", {"Parts": parts, "IsTruncated": False}, {**made.at(digest), "UploadId": "u"})
        stub.add_response("complete_multipart_upload", {}, None)
        assert PartsSender(made, item, Meter(files=1, size=len(data), on_progress=None)).send()


def test_a_file_of_any_size_has_at_most_ten_thousand_parts():
    assert [(part.number, part.start, part.size) for part in plan(PART + 1)] == [(1, 0, PART), (2, PART, 1)]
    large = plan(5 * 10**12)
    assert len(large) <= 10_000
    assert sum(part.size for part in large) == 5 * 10**12


@pytest.mark.parametrize(
    ("size", "there", "step"),
    [
        (3 * PART, [8 << 20, 8 << 20], 8 << 20),
        (3 * PART, [1000, 8 << 20], 8 << 20),
        (3 * PART, [PART, PART], None),
        (3 * PART, [2 * PART], None),
        (3 * PART, [LEAST_PART - 1], None),
        (3 * PART, [], None),
        # In such steps it would have too many parts.
        (100_000 * PART, [8 << 20], None),
    ],
)
def test_in_what_steps_another_version_has_cut_a_file(size, there, step):
    assert step_of(size, [{"Size": one} for one in there]) == step
    cut = plan(size, step)
    assert sum(part.size for part in cut) == size
    assert cut[0].size == (step or plan(size)[0].size)


def test_a_named_endpoint_is_addressed_by_path_and_aws_by_host():
    for made, url in (
        (bucket(), "http://s3.example/models/team/x"),
        (bucket(endpoint=None, region="eu-central-1"), "https://models.s3.amazonaws.com/team/x"),
    ):
        signed = made.client.generate_presigned_url("get_object", Params=made.at("x"))
        assert signed.startswith(url + "?")


def test_the_identity_of_a_job_is_exchanged_for_a_role(monkeypatch, tmp_path):
    """As GitHub's and GitLab's jobs have it: a token in a file, and the name of a role."""
    token = tmp_path / "token"
    token.write_text("job-token")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/publisher")
    asked = []

    def exchange(self, operation, parameters):
        asked.append((operation, parameters))
        return {
            "Credentials": {
                "AccessKeyId": "ASIA",
                "SecretAccessKey": "of-the-role",
                "SessionToken": "session",
                "Expiration": "2099-01-01T00:00:00Z",
            }
        }

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", exchange)
    connection = connect(endpoint=None, region="eu-central-1", ca_bundle=None)
    from mlops_ci.stores.s3_wire import keys_of

    keys = keys_of(connection.session)()
    assert (keys.access, keys.secret, keys.token) == ("ASIA", "of-the-role", "session")
    ((operation, parameters),) = asked
    assert operation == "AssumeRoleWithWebIdentity"
    assert parameters["WebIdentityToken"] == "job-token"
    assert parameters["RoleArn"].endswith("role/publisher")
    assert connection.credentials_from == "assume-role-with-web-identity"


def test_nothing_is_encrypted_or_limited_unless_it_is_said():
    assert bucket(StoreOptions()).encryption == {}
    assert bucket(StoreOptions(sse="AES256")).encryption == {"ServerSideEncryption": "AES256"}
    settings = PublishSettings()
    assert (settings.sse, settings.max_bandwidth, settings.max_concurrency) == (None, None, 64)
