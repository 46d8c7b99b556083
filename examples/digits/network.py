"""A small convolutional network for 8 x 8 images."""

import torch
from torch import Tensor, nn


def build(width: int = 32, classes: int = 10) -> nn.Module:
    """Two convolutions, one linear layer; `width` is the number of channels."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(2 * width * 2 * 2, classes),
    )


@torch.no_grad()
def score(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean loss and accuracy."""
    network.eval()
    outputs = network(images)
    loss = nn.functional.cross_entropy(outputs, labels)
    return float(loss), float((outputs.argmax(dim=1) == labels).float().mean())
