"""The digits as tensors, in a split that never changes."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SPLIT_SEED = 20260101
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
BRIGHTEST = 16


def load(folder: Path) -> tuple[Tensor, Tensor]:
    """Images (N x 1 x 8 x 8, float32 from 0 to 1) and labels (N, int64)."""
    images = torch.from_numpy(np.load(folder / "images.npy")).float()[:, None] / BRIGHTEST
    labels = torch.from_numpy(np.load(folder / "labels.npy")).long()
    return images, labels


def split(count: int) -> dict[str, Tensor]:
    """The indices of each part; every image is in exactly one."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(SPLIT_SEED))
    train = int(SHARES["train"] * count)
    validation = train + int(SHARES["validation"] * count)
    return {"train": order[:train], "validation": order[train:validation], "test": order[validation:]}
