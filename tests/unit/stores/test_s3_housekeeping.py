from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from mlops_ci.stores import s3_housekeeping as housekeeping
from mlops_ci.stores.base import Unfinished


class RefusedError(Exception):
    """What the server answers instead."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


def bucket(**client):
    @contextmanager
    def asking(_doing):
        yield

    return SimpleNamespace(
        client=SimpleNamespace(**client),
        place={"Bucket": "b", "Prefix": "p/"},
        asking=asking,
        at=lambda key: {"Bucket": "b", "Key": f"p/{key}"},
        key_of=lambda name: name.removeprefix("p/"),
    )


def dated(**headers):
    return bucket(list_objects_v2=lambda **_: {"ResponseMetadata": {"HTTPHeaders": headers}})


def test_the_time_is_the_servers():
    assert (
        housekeeping.now(dated(date="Sun, 22 Nov 2026 03:15:09 GMT"))
        == datetime(2026, 11, 22, 3, 15, 9, tzinfo=UTC).timestamp()
    )


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_without_a_date_it_is_this_machines(headers):
    assert housekeeping.now(dated(**headers)) == pytest.approx(time.time(), abs=60)


def test_an_upload_that_was_completed_meanwhile_is_no_error():
    def refuse(code):
        def abort(**_):
            raise RefusedError(code)

        return bucket(abort_multipart_upload=abort)

    upload = Unfinished(key="k", ident="1", started=0.0)
    housekeeping.abandon(refuse("NoSuchUpload"), upload)
    with pytest.raises(RefusedError):
        housekeeping.abandon(refuse("AccessDenied"), upload)
