"""Trains the network. The same seed gives the same weights, bit for bit on a CPU, also when it was interrupted."""

import argparse
import os
from pathlib import Path

import torch
from dataset import load, split
from network import build, score
from torch import nn

from mlops_ci.guest.sdk import checkpoint, log, resume, save_model, should_stop

BATCH = 32
WIDTH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with images.npy and labels.npy")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    torch.use_deterministic_algorithms(True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images, labels = (tensor.to(device) for tensor in load(arguments.data))
    parts = split(len(labels))
    network = build(WIDTH).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=arguments.lr)

    first_epoch = 1
    saved = resume()
    if saved is not None:
        state = saved.load(map_location=device)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        first_epoch = saved.step + 1
        print(f"resumed after epoch {saved.step}")

    for epoch in range(first_epoch, arguments.epochs + 1):
        torch.manual_seed(arguments.seed * 100_003 + epoch)
        loss = train_one_epoch(network, optimizer, images, labels, parts["train"])
        if should_stop():
            print(f"asked to stop during epoch {epoch}")
            return
        _, accuracy = score(network, images[parts["validation"]], labels[parts["validation"]])
        print(f"epoch {epoch} of {arguments.epochs}: loss {loss:.4f}, validation accuracy {accuracy:.4f}")
        log(step=epoch, loss=loss, accuracy=accuracy)
        checkpoint(epoch, {"network": network.state_dict(), "optimizer": optimizer.state_dict()})

    config = {"width": WIDTH, "classes": 10, "input": [1, 8, 8]}
    path = save_model(network, config=config, example=images[:8])
    print(f"saved {path}")


def train_one_epoch(network, optimizer, images, labels, part) -> float:
    """One pass in an order that the epoch's seed decides; gives the mean loss."""
    network.train()
    total = 0.0
    for batch in part[torch.randperm(len(part))].split(BATCH):
        if should_stop():
            break
        loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(part)


if __name__ == "__main__":
    main()
