"""How an image leaves the builder: as well as the builder can, and never a cache that two images share."""

from pathlib import Path

from mlops_ci.images.abilities import Abilities
from mlops_ci.images.delivery import delivery

ALL = Abilities(repeatable=True, cache=True, attestations=True)
NONE = Abilities(repeatable=False, cache=False, attestations=False, why="not supported")


def test_a_classic_store_takes_the_image_itself(tmp_path: Path) -> None:
    found = delivery(NONE, "localhost:5000/images/torch:c-1", "2.13-cpu", tmp_path)
    assert (found.output, found.archive, found.cache_to) == ("type=docker", None, "")


def test_an_archive_with_rewritten_times_and_zstd(tmp_path: Path) -> None:
    found = delivery(ALL, "mlops-ci/torch:c-1", "2.13-cpu", tmp_path)
    assert found.archive == tmp_path / "image.tar"
    words = found.output.split(",")
    assert words[0] == "type=oci"
    assert {"rewrite-timestamp=true", "compression=zstd", "oci-mediatypes=true"} <= set(words)
    assert found.cache_to == "", "without a registry there is no place for it"


def test_each_image_has_its_own_cache_in_its_registry(tmp_path: Path) -> None:
    refs = {
        delivery(ALL, ref, variant, tmp_path).cache_from
        for ref, variant in (
            ("localhost:5000/images/torch:c-1", "2.13-cpu"),
            ("localhost:5000/images/torch:c-2", "2.9-cu128"),
            ("localhost:5000/images/train:c-1", "2.13-cpu"),
        )
    }
    assert "type=registry,ref=localhost:5000/images/torch:cache-2.13-cpu" in refs
    assert len(refs) == 3
    kept = delivery(ALL, "localhost:5000/images/torch:c-1", "2.13-cpu", tmp_path).cache_to
    assert {"mode=max", "ignore-error=true", "compression=zstd"} <= set(kept.split(","))


def test_a_builder_elsewhere_pushes_by_itself(tmp_path: Path) -> None:
    found = delivery(ALL, "localhost:5000/images/torch:c-1", "2.13-cpu", tmp_path, pushed=True)
    assert found.archive is None
    assert {"type=image", "push=true", "rewrite-timestamp=true", "compression=zstd"} <= set(found.output.split(","))
    assert found.cache_to
