"""Names of images."""

from pathlib import Path

import pytest

from mlops_ci.images import naming
from mlops_ci.images.naming import RegistryNameError
from mlops_ci.registry.reference import parse

KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fraud Model", "fraud-model"),
        ("a__b..c", "a-b-c"),
        ("-x-", "x"),
        ("日本", "project"),
        ("", "project"),
        ("A" * 200, "a" * 64),
    ],
)
def test_slugs_are_parts_of_references(text: str, expected: str) -> None:
    assert naming.slug(text) == expected
    assert parse(naming.image_ref(text, "base", KEY, registry=None)).repository == f"mlops-ci/{expected}/base"


def test_tag_is_made_from_the_key() -> None:
    assert naming.image_ref("Demo", "train", KEY, registry=None) == "mlops-ci/demo/train:c-0123456789abcdef0123"
    assert (
        naming.image_ref("Demo", "train", KEY, registry="ghcr.io/org/images/")
        == "ghcr.io/org/images/demo-train:c-0123456789abcdef0123"
    )


@pytest.mark.parametrize("registry", ["org/images", "https://ghcr.io/org", "GHCR.io/Org", "ghcr.io/org:tag", ""])
def test_a_registry_starts_with_a_host(registry: str) -> None:
    with pytest.raises(RegistryNameError) as caught:
        naming.check_registry(registry)
    assert caught.value.exit_code == 2
    assert "docker.io/org" in caught.value.hint


def test_environment_references_are_absolute(tmp_path: Path) -> None:
    ref = naming.environment_ref(tmp_path / "cache", "torch", KEY)
    assert naming.environment_folder(ref) == tmp_path / "cache" / "environments" / "torch-0123456789abcdef"


def test_a_layer_of_no_project_is_shared_by_all():
    assert naming.image_ref(None, "torch", KEY, registry=None) == "mlops-ci/torch:c-0123456789abcdef0123"
    shared = naming.image_ref(None, "torch", KEY, registry="ghcr.io/org/images")
    assert shared == "ghcr.io/org/images/torch:c-0123456789abcdef0123"
