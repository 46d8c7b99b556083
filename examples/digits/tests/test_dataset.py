import numpy as np
import torch
from dataset import load, split


def test_every_image_is_in_exactly_one_part():
    parts = split(1797)
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(1797))
    assert {name: len(part) for name, part in parts.items()} == {"train": 1257, "validation": 179, "test": 361}


def test_the_split_never_changes():
    assert torch.equal(split(1797)["test"], split(1797)["test"])


def test_images_are_scaled_and_shaped_for_a_convolution(tmp_path):
    np.save(tmp_path / "images.npy", np.full((5, 8, 8), 16, dtype=np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(5, dtype=np.uint8))
    images, labels = load(tmp_path)
    assert images.shape == (5, 1, 8, 8)
    assert float(images.max()) == 1.0
    assert labels.dtype == torch.int64
