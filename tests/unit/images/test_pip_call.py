import pytest

from mlops_ci.images.pip_call import compiling


@pytest.mark.parametrize(
    ("environ", "options"),
    [
        ({}, ("--no-compile",)),
        ({"PYTHONDONTWRITEBYTECODE": ""}, ("--no-compile",)),
        ({"PYTHONDONTWRITEBYTECODE": "1"}, ()),
    ],
)
def test_pip_compiles_only_where_nobody_would_later(environ, options):
    assert compiling(environ) == options
