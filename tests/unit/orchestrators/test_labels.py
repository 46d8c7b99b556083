"""Labels of runners as people write them."""

from __future__ import annotations

import pytest

from mlops_ci.orchestrators.labels import RunnerLabelError, hosted, labels


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ubuntu-latest", ("ubuntu-latest",)),
        ("  gpu ", ("gpu",)),
        ('["self-hosted", "gpu"]', ("self-hosted", "gpu")),
        ('[ "one" ]', ("one",)),
    ],
)
def test_one_label_or_a_json_list(text, found):
    assert labels(text, where="x") == found


@pytest.mark.parametrize("text", ["", " ", "[]", '["a"', '[""]', "[1]", '{"group": "g"}', '"quoted"', "['a']"])
def test_anything_else_is_named(text):
    with pytest.raises(RunnerLabelError, match=r"\[runners\] gpu"):
        labels(text, where="[runners] gpu")


@pytest.mark.parametrize("label", ["ubuntu-latest", "ubuntu-24.04", "ubuntu-24.04-arm", "ubuntu-slim"])
def test_machines_of_githubs_own(label):
    assert hosted((label,))


@pytest.mark.parametrize("found", [("self-hosted",), ("self-hosted", "ubuntu-24.04"), ("ubuntu-large",), ("gpu",)])
def test_everything_else_counts_as_self_hosted(found):
    assert not hosted(found)
