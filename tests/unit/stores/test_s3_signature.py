"""Our signatures are botocore's."""

from __future__ import annotations

import datetime as dt

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from mlops_ci.stores.s3_signature import UNSIGNED, Keys, Signer, canonical_query

MOMENT = dt.datetime(2026, 11, 26, 13, 5, 9, tzinfo=dt.UTC)
HEADERS = {
    "content-type": "application/octet-stream",
    "if-none-match": "*",
    "x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "x-amz-meta-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}


@pytest.mark.parametrize("token", ["", "FwoGZXIvYXdzE+/=="])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/bucket/objects/ab/x", {}),
        ("/bucket/gr%C3%B6%C3%9Fe%20%2B%20100%25/a%3Db%3Fc%23d.png", {}),
        ("/x", {"partNumber": "10", "uploadId": "2~abc/+ d=="}),
    ],
)
def test_a_put_is_signed_as_botocore_signs_it(path, query, token, monkeypatch):
    host = "s3.example:9000"
    ours = Signer(
        host=host,
        region="eu-central-1",
        keys=lambda: Keys(access="AKID", secret="a/secret+", token=token),
        clock=MOMENT.timestamp,
    ).sign("PUT", path, query, HEADERS)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: MOMENT.replace(tzinfo=None))
    url = f"http://{host}{path}" + (f"?{canonical_query(query)}" if query else "")
    request = AWSRequest("PUT", url, headers={**HEADERS, "x-amz-content-sha256": UNSIGNED, "host": host})
    request.context["client_config"] = None
    request.context["timestamp"] = MOMENT.strftime("%Y%m%dT%H%M%SZ")
    signer = S3SigV4Auth(Credentials("AKID", "a/secret+", token or None), "s3", "eu-central-1")
    monkeypatch.setattr(signer, "_should_sha256_sign_payload", lambda _: False)
    signer.add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]


def test_the_key_of_another_day_is_another():
    days = []
    for day in (0, 1):
        signer = Signer(
            host="h", region="r", keys=lambda: Keys(access="a", secret="s"), clock=lambda day=day: 86400.0 * day
        )
        days.append(signer.sign("PUT", "/x", {}, {})["authorization"])
    assert "19700101" in days[0]
    assert "19700102" in days[1]
