"""Profiles that cannot be used say what is wrong."""

from __future__ import annotations

import pytest

from mlops_ci.errors import UsageError
from mlops_ci.orchestrators.github.profile import ProfileError, load_profile


def site(tmp_path, text):
    path = tmp_path / "site.toml"
    path.write_text(text)
    return str(path)


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(ProfileError, match="did you mean `enterprise`") as caught:
        load_profile("enterprize")
    assert "default" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", None),
        ('repositry = "a/b"', "did you mean `repository`"),
        ('repository = "https://x/a/b"', "repository"),
        ('repository = "a/b\' }} #"', "repository"),
        ('ref = "v1 && rm"', "ref"),
        ('mirror = "a/b"', "mirror"),
        ("artifacts = 5", "artifacts"),
        ("artifacts = true", "artifacts"),
        ('engine = "auto"', "engine"),
        ('gpu-runner = "[1]"', "gpu-runner"),
        ('gpu-runner = "a\' b"', "gpu-runner"),
        ('plan-runner = ""', "plan-runner"),
        ('extends = "nothing"', "extends"),
        ("retention = '3'", "retention"),
        ("x = ", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    if said is None:
        assert load_profile(site(tmp_path, text)) == load_profile("default")
        return
    with pytest.raises(UsageError, match=said):
        load_profile(site(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(str(tmp_path / "none.toml"))
