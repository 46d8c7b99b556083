"""SBOMs in a version that GitLab reads."""

from __future__ import annotations

import json

import pytest

from mlops_ci.reporting.cyclonedx import readable


def sbom(version="1.7", **fields):
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": version, "version": 1, **fields})


@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6"])
def test_what_gitlab_reads_stays_as_it_is(version):
    text = sbom(version, components=[])
    assert readable(text) == text


def test_the_next_version_is_written_as_the_newest_that_is_read():
    component = {"type": "library", "name": "a", "licenses": [{"expression": "MIT"}]}
    found = json.loads(readable(sbom(components=[component])))
    assert found["specVersion"] == "1.6"
    assert found["$schema"].endswith("/bom-1.6.schema.json")
    assert found["components"] == [component]


@pytest.mark.parametrize(
    "fields",
    [
        {"citations": []},
        {"metadata": {"distributionConstraints": {"tlp": "RED"}}},
        {"components": [{"name": "a", "components": [{"name": "b", "isExternal": True}]}]},
        {"components": [{"name": "a", "licenses": [{"expression": "MIT"}, {"license": {"id": "MIT"}}]}]},
    ],
)
def test_what_uses_something_new_is_left_out(fields):
    assert readable(sbom(**fields)) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", sbom("2.0"), '{"spdxVersion": "SPDX-2.3"}'])
def test_anything_else_is_left_out(text):
    assert readable(text) is None
