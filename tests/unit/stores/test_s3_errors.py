"""What users read when S3 says no. The exceptions are botocore's own; tests with a server show what raises them."""

from __future__ import annotations

import botocore.exceptions as boto
import pytest
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError

from mlops_ci.stores import errors
from mlops_ci.stores.s3_errors import is_contended, is_missing, is_taken, translate


def answer(code, status=400, **more):
    return boto.ClientError(
        {
            "Error": {"Code": code, "Message": "the server's words", **more},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "PutObject",
    )


def told(error):
    return translate(error, doing="uploading x", address="http://s3.example", credentials_from="env")


@pytest.mark.parametrize(
    ("code", "status", "kind", "exit_code"),
    [
        ("AccessDenied", 403, errors.StoreAccessError, 3),
        ("InvalidAccessKeyId", 403, errors.StoreAccessError, 3),
        ("SignatureDoesNotMatch", 403, errors.StoreAccessError, 3),
        ("ExpiredToken", 400, errors.StoreAccessError, 3),
        ("InvalidIdentityToken", 400, errors.StoreAccessError, 3),
        ("ExpiredTokenException", 400, errors.StoreAccessError, 3),
        ("IDPRejectedClaim", 403, errors.StoreAccessError, 3),
        ("IDPCommunicationError", 400, errors.StoreUnreachableError, 10),
        ("403", 403, errors.StoreAccessError, 3),
        ("SomethingNew", 403, errors.StoreAccessError, 3),
        ("RequestTimeTooSkewed", 403, errors.StoreAccessError, 3),
        ("NoSuchBucket", 404, errors.StoreAddressError, 2),
        ("PermanentRedirect", 301, errors.StoreAddressError, 2),
        ("NoSuchKey", 404, errors.ObjectMissingError, 2),
        ("BadDigest", 400, errors.FileChangedError, 10),
        ("NotImplemented", 501, errors.StoreUnsupportedError, 3),
        ("SlowDown", 503, errors.StoreUnreachableError, 10),
        ("InternalError", 500, errors.StoreUnreachableError, 10),
        ("ServiceUnavailable", 503, errors.StoreUnreachableError, 10),
        ("SomethingNew", 418, errors.StoreUnreachableError, 10),
    ],
)
def test_answers_of_the_server(code, status, kind, exit_code):
    error = told(answer(code, status))
    assert type(error) is kind
    assert error.exit_code == exit_code
    assert "uploading x at http://s3.example" in error.cause
    assert "the server's words" in error.cause
    assert error.hint


def test_refused_credentials_name_the_variables_and_where_they_came_from_and_no_secret():
    error = told(answer("SignatureDoesNotMatch", 403, AWSAccessKeyId="AKIASECRETID", StringToSign="sign-me"))
    assert "AWS_SECRET_ACCESS_KEY" in error.hint
    assert "come from: env" in error.hint
    assert "AKIASECRETID" not in str(error.__dict__)
    assert "sign-me" not in str(error.__dict__)


def test_a_skewed_clock_is_said():
    assert "clock" in told(answer("RequestTimeTooSkewed", 403)).hint


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (boto.NoCredentialsError(), errors.StoreAccessError),
        (boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), errors.StoreAccessError),
        (boto.UnauthorizedSSOTokenError(), errors.StoreAccessError),
        (boto.EndpointConnectionError(endpoint_url="http://s3.example"), errors.StoreUnreachableError),
        (boto.ConnectTimeoutError(endpoint_url="http://s3.example"), errors.StoreUnreachableError),
        (boto.ReadTimeoutError(endpoint_url="http://s3.example"), errors.StoreUnreachableError),
        (boto.ProxyConnectionError(proxy_url="http://proxy"), errors.StoreUnreachableError),
        (boto.SSLError(endpoint_url="https://s3.example", error="self-signed"), errors.StoreCertificateError),
        (boto.ParamValidationError(report="bad bucket"), errors.StoreAddressError),
        (boto.FlexibleChecksumError(error_msg="differs"), errors.ObjectDamagedError),
        (ValueError("Invalid endpoint: x"), errors.StoreAddressError),
        (ResponseParserError("no XML"), errors.StoreAddressError),
        (OSError(28, "No space left on device", "/out"), errors.StoreFullError),
    ],
)
def test_what_botocore_raises_itself(error, kind):
    assert type(told(error)) is kind


def test_the_last_of_many_attempts_counts():
    assert type(told(RetriesExceededError(answer("AccessDenied", 403)))) is errors.StoreAccessError


def test_only_a_missing_object_is_missing_and_only_a_lost_condition_is_taken():
    assert is_missing(answer("404", 404))
    assert is_missing(answer("NoSuchKey", 404))
    assert not is_missing(answer("NoSuchBucket", 404))
    assert is_taken(answer("PreconditionFailed", 412))
    assert not is_taken(answer("ConditionalRequestConflict", 409))
    assert is_contended(answer("ConditionalRequestConflict", 409))
    assert not is_taken(ValueError())
