"""Where images are kept, and of what kind they are, as the settings and the engine say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.images.engine_store import EngineStore
from mlops_ci.images.registry_store import RegistryStore
from mlops_ci.images.store import image_engine, made_elsewhere
from mlops_ci.images.where import image_store
from support.heard import Heard
from support.image_projects import make_settings

BOTH = {"builder": "team-buildkit", "registry": "r.invalid/team"}


@pytest.mark.parametrize(
    ("image", "engine", "kind", "elsewhere"),
    [
        (BOTH, "docker", "docker", True),
        (BOTH, "inside", "docker", True),
        (BOTH, "host", "host", False),
        ({"registry": "r.invalid/team"}, "docker", "docker", False),
        ({"registry": "r.invalid/team"}, "inside", "inside", False),
        ({"builder": "team-buildkit"}, "inside", "inside", False),
    ],
)
def test_another_builder_and_a_registry_make_images_without_an_engine(
    tmp_path: Path, image: dict[str, str], engine: str, kind: str, elsewhere: bool
) -> None:
    settings = make_settings(tmp_path, image=image)
    assert (image_engine(settings, engine), made_elsewhere(settings, engine)) == (kind, elsewhere)


def test_they_are_asked_for_where_the_builder_puts_them(tmp_path: Path) -> None:
    def store(**image: str) -> object:
        return image_store(make_settings(tmp_path, image=image), cache=tmp_path, console=Console(Heard()))

    assert isinstance(store(**BOTH), RegistryStore)
    assert isinstance(store(registry="r.invalid/team"), EngineStore)
    assert isinstance(store(), EngineStore)
