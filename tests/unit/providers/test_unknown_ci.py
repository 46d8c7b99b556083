"""A CI system that we do not know: nothing is chosen silently there."""

import io

import pytest

from mlops_ci.providers.detect import detect


@pytest.mark.parametrize(
    ("environ", "local"),
    [
        ({}, True),
        ({"CI": "false"}, True),
        ({"CI": "true"}, False),
        ({"CI": "1"}, False),
        ({"CI": "true", "MLOPS_CI_PROVIDER": "local"}, True),
    ],
)
def test_only_a_person_gets_defaults(environ, local):
    provider = detect(environ, io.StringIO())
    assert (provider.name, provider.local) == ("local", local)
