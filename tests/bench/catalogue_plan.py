"""How long it takes to plan a catalogue of 200 image variants: every key, no question to a registry."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from mlops_ci.guest.health import tables
from mlops_ci.images import catalogue
from mlops_ci.images.catalogue import Catalogue
from mlops_ci.images.plan import plan_images
from support.image_projects import KnownImages, make_settings

VARIANTS = 200
PRODUCT = "vision+dev"
LIMIT = 2.0


def table(folder: Path) -> str:
    """Plans the same six layers in 200 variants, each with locks of its own."""
    known, seconds, count = measure(folder)
    requests = len(known.variants)
    return (
        "| what | figure |\n| --- | --- |\n"
        f"| image variants | {requests} |\n| images with a key | {count} |\n"
        f"| reading the catalogue and planning all of it | {seconds:.2f} s |\n| limit | {LIMIT:.1f} s |"
    )


def measure(folder: Path) -> tuple[Catalogue, float, int]:
    """The catalogue, the seconds from reading it to the last key, and how many images were planned."""
    where = enlarged(folder)
    root = folder / "project"
    root.mkdir()
    started = time.monotonic()
    known = catalogue.load(where)
    original, catalogue.load = catalogue.load, lambda: known  # type: ignore[assignment]
    try:
        plans = [
            plan_images(
                make_settings(root, image={"torch": one.release.series, "layer": PRODUCT}),
                engine="docker",
                variant=one.name,
                lookup=KnownImages(),
            )
            for one in known.variants.values()
        ]
    finally:
        catalogue.load = original
    return known, time.monotonic() - started, sum(len(plan) for plan in plans)


def enlarged(folder: Path) -> Path:
    """A copy of the real catalogue with 200 variants: made-up releases, each with real locks under other names."""
    where = Path(shutil.copytree(catalogue.load().folder, folder / "images"))
    text = (where / "catalogue.toml").read_text()
    (where / "locks.toml").unlink()
    text = re.sub(r"(?ms)^\[torch\..*?(?=^\[cuda)", "", text)
    text = re.split(r"(?m)^\[\[variants\]\]$", text)[0]
    for number in range(VARIANTS):
        series = f"3.{number}"
        tables.table("compatibility")["wheels"]["torch"][series] = ["12.8"]
        text += (
            f'\n[torch."{series}"]\ntorch = "{series}.0"\ntorchvision = "0.1"\ntorchaudio = "1.0"\ndefault = "cu128"\n'
        )
    for number in range(VARIANTS):
        text += f'\n[[variants]]\ntorch = "3.{number}"\nbuild = "cu128"\nindex = "general"\n'
        for lock in where.glob("*/requirements.2.9-cu128.lock"):
            lock.with_name(f"requirements.3.{number}-cu128.lock").write_text(f"# {number}\n{lock.read_text()}")
    (where / "catalogue.toml").write_text(text)
    return where
