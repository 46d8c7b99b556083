"""The choice of the variant: by what the driver can run."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.images import catalogue
from mlops_ci.images.catalogue import UnknownVariantError
from mlops_ci.images.variants import driver_version, resolve

DRIVER = "NVRM version: NVIDIA UNIX {}  {}  Release Build  (builder@host)  Thu Jan 1\nGCC version:  gcc 12\n"


@pytest.fixture
def known() -> catalogue.Catalogue:
    """The real catalogue and two variants for CUDA. The driver versions are made up for the test."""
    cpu = catalogue.load().variant("cpu")
    variants = {
        "cpu": cpu,
        "cu126": replace(cpu, name="cu126", cuda="12.6", driver="560.28"),
        "cu130": replace(cpu, name="cu130", cuda="13.0", driver="580.65"),
    }
    return replace(catalogue.load(), variants=variants)


def driver(tmp_path: Path, version: str, kind: str = "x86_64 Kernel Module") -> Path:
    path = tmp_path / "version"
    path.write_text(DRIVER.format(kind, version))
    return path


@pytest.mark.parametrize(
    ("version", "variant"), [("575.57.08", "cu126"), ("580.65.06", "cu130"), ("600.1", "cu130"), ("470.1", "cpu")]
)
def test_newest_cuda_that_the_driver_runs(
    known: catalogue.Catalogue, tmp_path: Path, version: str, variant: str
) -> None:
    assert resolve("auto", catalogue=known, driver_file=driver(tmp_path, version)) == variant


def test_cpu_without_a_driver(known: catalogue.Catalogue, tmp_path: Path) -> None:
    assert resolve("auto", catalogue=known, driver_file=tmp_path / "none") == "cpu"
    assert resolve("auto", 1, driver_file=tmp_path / "none") == "cpu"


def test_a_machine_without_gpu_plans_for_one_that_has_it(known: catalogue.Catalogue, tmp_path: Path) -> None:
    assert resolve("auto", 2, catalogue=known, driver_file=tmp_path / "none") == "cu130"


def test_a_named_variant_is_taken(known: catalogue.Catalogue, tmp_path: Path) -> None:
    assert resolve("cpu", 4, catalogue=known, driver_file=driver(tmp_path, "600.1")) == "cpu"
    with pytest.raises(UnknownVariantError, match="did you mean `cu126`") as caught:
        resolve("cu127", catalogue=known)
    assert caught.value.exit_code == 2


def test_both_kernel_modules_say_their_version(tmp_path: Path) -> None:
    assert driver_version(driver(tmp_path, "570.124.06")) == "570.124.06"
    open_module = driver(tmp_path, "570.124.06", "Open Kernel Module for x86_64")
    assert driver_version(open_module) == "570.124.06"
    (tmp_path / "version").write_text("something else")
    assert driver_version(tmp_path / "version") is None
