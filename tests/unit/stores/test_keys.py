from __future__ import annotations

import pytest

from mlops_ci.stores.errors import ObjectKeyError
from mlops_ci.stores.keys import check_key, problem_with


@pytest.mark.parametrize("key", ["a", "objects/ab/abcdef", "models/my model/x.json", "ä/ö/ü", "a" * 255, "..a/b.."])
def test_usable_keys_come_back(key):
    assert check_key(key) == key


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("../up", "'..'"),
        ("a/../b", "'..'"),
        ("a/./b", "'.'"),
        ("a//b", "''"),
        ("a/", "''"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("a\\b", "backslash"),
        ("a" * 256, "longer than 255 bytes"),
        ("a/" * 520 + "b", "limit is 1024"),
        ("\udcff", "UTF-8"),
    ],
)
def test_other_keys_are_refused_with_the_reason(key, problem):
    assert problem in problem_with(key)
    with pytest.raises(ObjectKeyError) as caught:
        check_key(key)
    assert problem in caught.value.cause
    assert caught.value.exit_code == 2
