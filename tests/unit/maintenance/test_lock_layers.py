"""How locks are parted into layers, and what is said of those that cannot be made. Nothing is resolved here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lock_compile import MINIMUM_AGE_DAYS, Compiler, Unreachable
from lock_layers import VariantLocks, moved
from update_locks import layer_locks

from mlops_ci.images import catalogue, catalogue_file, lockfile
from mlops_ci.images.lockfile import Pin
from support.image_projects import copy_catalogue

HASH = "sha256:" + "a" * 64


def lock(*names: str) -> str:
    return "".join(f"{name} \\\n    --hash={HASH}\n" for name in names)


@dataclass(kw_only=True)
class Resolver(Compiler):
    """Says what each requirement brings, and keeps what it was asked."""

    brings: dict[str, tuple[str, ...]]
    reachable: bool = True
    wanted: list[list[str]] = field(default_factory=list)
    fixed: list[set[str]] = field(default_factory=list)

    def ask(self, index: str) -> None:
        if not self.reachable:
            raise Unreachable("no such host")

    def pins(
        self, wanted: Sequence[str], *, kept: str = "", fixed: Iterable[Pin] = (), options: Sequence[str] = ()
    ) -> tuple[Pin, ...]:
        self.wanted.append(list(wanted))
        self.fixed.append({str(pin.requirement) for pin in fixed})
        asked = [line.partition(">")[0].removesuffix(".*") for line in wanted]
        names = sorted({name for line in asked for name in (line, *self.brings.get(line.partition("=")[0], ()))})
        return lockfile.parse(lock(*(name if "==" in name else f"{name}==1" for name in names)), Path("x"))


BRINGS = {
    "torch": ("nvidia-cublas==12", "cuda-bindings==12", "sympy==1", "triton==3"),
    "torchvision": ("torch==2.9.1", "nvidia-cublas==12", "idna==1"),
    "torchaudio": ("torch==2.9.1",),
}


@pytest.fixture
def known(tmp_path: Path) -> catalogue.Catalogue:
    """The real catalogue without a lock."""
    folder = copy_catalogue(tmp_path / "images")
    for path in (*folder.rglob("*.lock"), folder / "locks.toml"):
        path.unlink()
    return catalogue_file.read(folder, complete=False)


def names(text: str) -> list[str]:
    return [line.split("==")[0] for line in text.splitlines() if "==" in line and not line.startswith("#")]


def made(known: catalogue.Catalogue, variant: str, compiler: Resolver) -> tuple[dict[str, list[str]], VariantLocks]:
    locks = VariantLocks(known=known, variant=known.variants[variant], compiler=compiler, folders=())
    locks.write()
    return {path.parent.name: names(text) for path, text in locks.made.items()}, locks


def test_what_cuda_brings_is_a_layer_below_pytorch_and_upper_locks_hold_only_their_own(
    known: catalogue.Catalogue,
) -> None:
    found, _ = made(known, "2.9-cu128", Resolver(brings=BRINGS))
    assert found["nvidia"] == ["cuda-bindings", "nvidia-cublas"]
    assert found["torch"] == ["numpy", "sympy", "torch", "triton"]
    assert found["vision"] == ["albumentations", "idna", "opencv-python-headless", "pillow", "torchvision"]


def test_what_only_one_cuda_has_is_locked_for_its_builds_alone(known: catalogue.Catalogue) -> None:
    compiler = Resolver(brings={**BRINGS, "cuda-toolkit[nvcc]": ("nvidia-cuda-nvcc==13",)})
    found, _ = made(known, "2.13-cu130", compiler)
    assert "nvidia-cuda-nvcc" in found["devel"]
    assert compiler.wanted[-1][0] == "cuda-toolkit[nvcc]==13.0.*", "of the CUDA that PyTorch was built for"
    assert "devel" not in made(known, "2.9-cu128", Resolver(brings=BRINGS))[0]


def test_upper_locks_are_resolved_with_what_is_below(known: catalogue.Catalogue) -> None:
    compiler = Resolver(brings=BRINGS)
    made(known, "2.9-cu128", compiler)
    assert "torch==2.9.1" in compiler.wanted[0]
    assert compiler.fixed[0] == set()
    assert all("torch==2.9.1" in fixed for fixed in compiler.fixed[1:])


def test_a_variant_whose_index_does_not_answer_is_pending_with_the_reason(
    known: catalogue.Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    compiler = Resolver(brings=BRINGS, reachable=False)
    texts, state = layer_locks(known, compiler, (), only=["2.9-cu126", "2.9-cu128"])
    assert {path.name for path in texts} == {"requirements.2.9-cu128.lock"}
    assert '"2.9-cu126" = "they need PyTorch\'s own index https://' in state
    assert "does not answer (no such host)" in capsys.readouterr().err


def test_an_answer_later_takes_the_mark_away(known: catalogue.Catalogue) -> None:
    (known.folder / "locks.toml").write_text('[pending]\n"2.9-cu126" = "because"\n')
    again = catalogue_file.read(known.folder, complete=False)
    assert again.variants["2.9-cu126"].pending == "because"
    texts, state = layer_locks(again, Resolver(brings=BRINGS), (), only=["2.9-cu126"])
    assert "2.9-cu126" not in state
    assert len(texts) == 6


def test_companions_without_a_wheel_here_are_left_out_and_named(known: catalogue.Catalogue, tmp_path: Path) -> None:
    (tmp_path / "torch-2.13.0+cpu-cp311-none-any.whl").touch()
    variant = known.variants["2.13-cpu"]
    compiler = Resolver(brings={}, reachable=False)
    locks = VariantLocks(known=known, variant=variant, compiler=compiler, folders=(tmp_path,))
    locks.write()
    assert locks.lacks == {
        "vision/2.13-cpu": ("torchvision 0.28.0+cpu",),
        "nlp/2.13-cpu": ("torchaudio 2.11.0+cpu",),
    }
    assert not any(line.startswith("torchvision") for lines in compiler.wanted for line in lines)


def test_what_moved_is_printed(tmp_path: Path) -> None:
    before = tmp_path / "x.lock"
    assert list(moved(before, lock("a==1"))) == ["  a: new -> 1"]
    before.write_text(lock("a==1", "b==1", "c==1"))
    assert list(moved(before, lock("a==1", "b==2", "d==1"))) == ["  b: 1 -> 2", "  c: 1 -> gone", "  d: new -> 1"]


def test_no_release_younger_than_seven_days() -> None:
    from datetime import UTC, datetime

    assert Compiler(now=datetime(2026, 11, 26, 12, tzinfo=UTC)).newest == "2026-11-19T00:00:00Z"
    assert MINIMUM_AGE_DAYS == 7
