"""What Trivy is asked for, and where it reads an image."""

from __future__ import annotations

import pytest

from mlops_ci.scanning.analysis import arguments
from mlops_ci.scanning.findings import ScanTarget


@pytest.mark.parametrize(
    ("ref", "sources"),
    [
        ("registry.example/team/train:c-1", "remote,docker"),
        ("localhost:5000/train@sha256:" + "a" * 64, "remote,docker"),
        ("mlops-ci/train:c-1", "docker,remote"),
    ],
)
def test_the_engine_hands_over_only_what_no_registry_has(ref: str, sources: str) -> None:
    words = arguments(ScanTarget(kind="image", ref=ref, name="train"), secrets=True)
    assert words[words.index("--image-src") + 1] == sources
    assert words[-1] == ref


@pytest.mark.parametrize("secrets", [True, False])
def test_only_who_judges_an_images_configuration_pays_for_it_and_the_layers_are_asked_for_alike(secrets: bool) -> None:
    image = ScanTarget(kind="image", ref="mlops-ci/train:c-1", name="train")
    judged, listed = (arguments(image, secrets=secrets, judged=judged) for judged in (True, False))
    place = judged.index("--image-config-scanners")
    assert judged[place + 1].split(",") == ["misconfig", *(["secret"] if secrets else [])]
    assert "misconfig" not in ",".join(listed)
    kept = ["--image-config-scanners", "secret"] if secrets else []
    assert judged[:place] + kept + judged[place + 2 :] == listed
