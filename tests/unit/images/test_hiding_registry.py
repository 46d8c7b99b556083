"""Registries that say "denied" for what was never pushed."""

from __future__ import annotations

import pytest

from mlops_ci.images.lookup import DockerLookup
from mlops_ci.registry.client import RegistryDeniedError


@pytest.fixture
def lookup(monkeypatch):
    lookup = DockerLookup()

    def denied(_ref):
        raise RegistryDeniedError("denied", hint="log in")

    monkeypatch.setattr(lookup._registry, "head", denied)
    return lookup


def test_github_hides_what_is_not_there(lookup):
    assert lookup("ghcr.io/org/repo/train:c-1") is None


def test_any_other_registry_means_it(lookup):
    with pytest.raises(RegistryDeniedError):
        lookup("registry.example/org/train:c-1")
