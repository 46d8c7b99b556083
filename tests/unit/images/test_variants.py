"""The choice of the variant: by what the driver can run, and by the GPUs that the settings name."""

from pathlib import Path

import pytest

from mlops_ci.engines.local_gpus import LocalGpu
from mlops_ci.guest.health import compatibility
from mlops_ci.images import catalogue
from mlops_ci.images.catalogue import ImpossibleVariantError, UnknownVariantError
from mlops_ci.images.variants import driver_version, resolve
from mlops_ci.settings.image import ImageSettings

DRIVER = "NVRM version: NVIDIA UNIX {}  {}  Release Build  (builder@host)  Thu Jan 1\nGCC version:  gcc 12\n"
NONE = Path("/nonexistent")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> catalogue.Catalogue:
    """The real catalogue, as if every variant had its locks."""
    from dataclasses import replace

    real = catalogue.load()
    return replace(real, variants={name: replace(one, pending=None) for name, one in real.variants.items()})


def driver(tmp_path: Path, version: str, kind: str = "x86_64 Kernel Module") -> Path:
    path = tmp_path / "version"
    path.write_text(DRIVER.format(kind, version))
    return path


@pytest.mark.parametrize(
    ("version", "variant"),
    [
        ("575.57.08", "cu128"),
        ("570.26", "cu128"),
        ("565.57.01", "cu126"),
        # None came with a driver that old: the newest that still runs by minor-version compatibility.
        ("535.54.03", "cu128"),
        ("580.65.06", "cu130"),
        ("580.10", "cu128"),
        ("600.1", "cu130"),
        ("470.1", "cpu"),
    ],
)
def test_newest_cuda_that_the_driver_runs(
    known: catalogue.Catalogue, tmp_path: Path, version: str, variant: str
) -> None:
    image = ImageSettings(torch="2.9")
    assert resolve(image, catalogue=known, driver_file=driver(tmp_path, version)) == variant


def gpus(*capabilities: tuple[int, int]) -> list[LocalGpu]:
    return [LocalGpu(name="NVIDIA", capability=one, driver="580.65.06") for one in capabilities]


@pytest.mark.parametrize(
    ("torch", "here", "variant"),
    [
        ("2.9", gpus((9, 0)), "cu130"),
        ("2.9", gpus((7, 0)), "cu128"),
        ("2.13", gpus((7, 0)), "cu126"),
        ("2.13", gpus((9, 0), (7, 0)), "cu126"),
        # None has code for it: the driver's newest, and plan says that it does not fit.
        ("2.15", gpus((7, 0)), "cu130"),
    ],
)
def test_auto_looks_at_the_gpus_that_are_here(
    known: catalogue.Catalogue, tmp_path: Path, torch: str, here: list[LocalGpu], variant: str
) -> None:
    path = driver(tmp_path, "595.10")
    assert resolve(ImageSettings(torch=torch), catalogue=known, driver_file=path, here=lambda: here) == variant


def test_a_machine_without_gpu_plans_by_the_driver_and_the_gpus_of_its_runners(known: catalogue.Catalogue) -> None:
    old = ImageSettings(torch="2.13", driver="535.183.01")
    assert (
        resolve(old, 1, catalogue=known, driver_file=NONE, here=lambda: pytest.fail("not of this machine")) == "cu126"
    )
    assert resolve(ImageSettings(torch="2.9", driver="580.65.06", sm=("7.0",)), 1, catalogue=known) == "cu128"
    assert resolve(ImageSettings(torch="2.13", driver="450.80.02"), 1, catalogue=known, driver_file=NONE) == "cpu"


def test_a_named_build_that_the_runners_driver_does_not_run_is_refused(known: catalogue.Catalogue) -> None:
    with pytest.raises(ImpossibleVariantError, match=r"driver 535\.183\.01 cannot run cu130") as caught:
        resolve(ImageSettings(torch="2.13", variant="cu130", driver="535.183.01"), 1, catalogue=known)
    assert caught.value.hint == "use `cu126`, or update the driver of those runners"
    assert resolve(ImageSettings(torch="2.13", variant="cu126", driver="535.183.01"), catalogue=known) == "cu126"


def test_what_plan_chooses_is_what_verify_lets_pass(known: catalogue.Catalogue, tmp_path: Path) -> None:
    """For every driver and GPU that the table tells apart: no build is chosen that the health check then refuses."""
    for release in known.releases.values():
        for version in ("525.60.13", "535.183.01", "550.54.14", "570.26", "575.51.03", "580.65.06"):
            for gpu in gpus((7, 0), (7, 5), (8, 6), (9, 0), (10, 0), (12, 0)):
                path = driver(tmp_path, version)
                name = resolve(
                    ImageSettings(torch=release.series), catalogue=known, driver_file=path, here=lambda gpu=gpu: [gpu]
                )
                offered = [one.cuda.version for one in known.of(release).values() if one.cuda]
                if compatibility.fitting(release.torch, version, gpu.capability, among=offered) is None:
                    continue
                chosen = known.of(release)[name]
                build = compatibility.Build(
                    release.torch, chosen.cuda.version, tuple(f"sm_{sm.replace('.', '')}" for sm in chosen.sm)
                )
                found = [
                    compatibility.driver_check(build, version, None, gpu.name, gpu.capability),
                    *compatibility.gpu_checks(build, version, gpu.name, gpu.capability),
                ]
                refused = [check.id for check in found if check.status == "BLOCK" and check.id != "driver.gpu"]
                assert refused == [], (release.series, version, gpu.capability, name)


def test_what_has_no_locks_is_not_chosen(tmp_path: Path) -> None:
    assert resolve(ImageSettings(torch="2.9"), driver_file=driver(tmp_path, "600.1")) == "cu128"


def test_cpu_without_a_driver() -> None:
    assert resolve(ImageSettings(), driver_file=NONE) == "cpu"


def test_a_machine_without_gpu_plans_for_one_that_has_it(known: catalogue.Catalogue) -> None:
    assert resolve(ImageSettings(torch="2.9"), 2, catalogue=known, driver_file=NONE) == "cu130"


def test_a_named_variant_is_taken(tmp_path: Path) -> None:
    assert resolve(ImageSettings(variant="cpu"), 4, driver_file=driver(tmp_path, "600.1")) == "cpu"
    with pytest.raises(UnknownVariantError, match="published; the nearest is `cu130`") as caught:
        resolve(ImageSettings(variant="cu132"))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("torch", "variant", "text"),
    [
        ("2.6", "cu121", "PyTorch 2.6 was never built for `cu121`.*the nearest is `cu124`"),
        ("2.8", "cu118", "PyTorch 2.8 was never built for `cu118`.*the nearest is `cu126`"),
        ("2.15", "cu126", "PyTorch 2.15 was never built for `cu126`.*the nearest is `cu130`"),
    ],
)
def test_what_upstream_never_built_names_the_nearest(torch: str, variant: str, text: str) -> None:
    with pytest.raises(ImpossibleVariantError, match=text) as caught:
        resolve(ImageSettings(torch=torch, variant=variant))
    assert caught.value.exit_code == 2


def test_gpus_that_a_build_has_no_code_for() -> None:
    with pytest.raises(ImpossibleVariantError, match=r"2\.9 for cu126 has no code for sm_120") as caught:
        resolve(ImageSettings(torch="2.9", variant="cu126", sm=("9.0", "12.0")))
    assert "sm_120 needs cu128 or newer" in caught.value.hint
    assert "2.9 cu128" in caught.value.hint
    with pytest.raises(ImpossibleVariantError, match="cu130 has no code for sm_70"):
        resolve(ImageSettings(torch="2.13", variant="cu130", sm=("7.0",)))
    with pytest.raises(ImpossibleVariantError, match="it was built for the CPU alone"):
        resolve(ImageSettings(variant="cpu", sm=("8.0",)))


def test_code_runs_on_later_gpus_of_the_same_generation() -> None:
    cu128 = catalogue.load().variants["2.9-cu128"]
    assert [name for name in ("8.9", "10.3", "12.1", "11.0", "6.1") if cu128.runs_on(name)] == ["8.9", "10.3", "12.1"]


def test_auto_passes_over_builds_without_code_for_the_gpus(known: catalogue.Catalogue, tmp_path: Path) -> None:
    volta = ImageSettings(torch="2.9", sm=("7.0",))
    assert resolve(volta, catalogue=known, driver_file=driver(tmp_path, "600.1")) == "cu128"
    assert resolve(volta, catalogue=known, driver_file=NONE) == "cu128"
    with pytest.raises(ImpossibleVariantError, match=r"no build of PyTorch 2\.6 .* has code for sm_120"):
        resolve(ImageSettings(torch="2.6", sm=("12.0",)), catalogue=known, driver_file=NONE)


def test_both_kernel_modules_say_their_version(tmp_path: Path) -> None:
    assert driver_version(driver(tmp_path, "570.124.06")) == "570.124.06"
    open_module = driver(tmp_path, "570.124.06", "Open Kernel Module for x86_64")
    assert driver_version(open_module) == "570.124.06"
    (tmp_path / "version").write_text("something else")
    assert driver_version(tmp_path / "version") is None
