"""Trains a small network with several processes, each on its share of every batch (DistributedDataParallel).

The same seed and number of processes give the same weights, bit for bit on a CPU, also when it was interrupted. Started
by hand, without torchrun, it is one process.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mlops_ci.guest.sdk import checkpoint, log, resume, save_model, should_stop

BATCH = 64
LEARNING_RATE = 2e-3
BRIGHTEST = 16
SPLIT_SEED = 20260101


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with images.npy and labels.npy")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "29400")):
        os.environ.setdefault(name, value)
    backend = os.environ.get("MLOPS_BACKEND", "nccl" if torch.cuda.is_available() else "gloo")
    dist.init_process_group(backend)
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if backend == "nccl" else torch.device("cpu")
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    torch.use_deterministic_algorithms(True)
    train(arguments, device)
    dist.destroy_process_group()


def train(arguments: argparse.Namespace, device: torch.device) -> None:
    images, labels = load(arguments.data, device)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SPLIT_SEED))
    known, held_out = order[: int(0.8 * len(order))], order[int(0.8 * len(order)) :]
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    first_epoch = restore(network, optimizer, device) + 1
    # This keeps the layout of the gradients' buffer, which decides the order of their sum. By default it changes after
    # the first batch, so that with three processes and more a resumed training differs in the last bits.
    parallel = DistributedDataParallel(network, find_unused_parameters=True)

    for epoch in range(first_epoch, arguments.epochs + 1):
        shuffled = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(arguments.seed + epoch))]
        loss = one_epoch(parallel, optimizer, images, labels, shuffled)
        if loss is None:
            print(f"asked to stop during epoch {epoch}")
            return
        with torch.no_grad():
            accuracy = (network(images[held_out]).argmax(dim=1) == labels[held_out]).float().mean()
        if dist.get_rank() == 0:
            print(f"epoch {epoch} of {arguments.epochs}: loss {loss:.4f}, accuracy {accuracy:.4f}")
        log(step=epoch, loss=loss, accuracy=accuracy)
        checkpoint(epoch, {"network": network.state_dict(), "optimizer": optimizer.state_dict()})

    save_model(network, config={"hidden": 64, "classes": 10, "input": [1, 8, 8]})


def load(folder: Path, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N x 8 x 8, from 0 to 1) and labels."""
    images = torch.from_numpy(np.load(folder / "images.npy")).float() / BRIGHTEST
    return images.to(device), torch.from_numpy(np.load(folder / "labels.npy")).long().to(device)


def restore(network: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> int:
    """The epoch of the newest checkpoint, or 0. Rank 0 has it; the others, also on other nodes, get it from there."""
    found = resume() if dist.get_rank() == 0 else None
    handed: list = [None if found is None else (found.step, found.load())]
    dist.broadcast_object_list(handed, src=0, device=device)
    if handed[0] is None:
        return 0
    step, state = handed[0]
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    if dist.get_rank() == 0:
        print(f"resumed after epoch {step}")
    return step


def one_epoch(network, optimizer, images, labels, part) -> float | None:
    """The mean loss over all processes; None when one of them was asked to stop: then all stop at the same batch."""
    sums = torch.zeros(2, device=images.device)
    for batch in part.split(BATCH):
        mine = batch[dist.get_rank() :: dist.get_world_size()]
        loss = nn.functional.cross_entropy(network(images[mine]), labels[mine])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums += torch.stack([loss.detach() * len(mine), torch.tensor(float(should_stop()), device=images.device)])
        stop = sums[1].clone()
        dist.all_reduce(stop)
        if stop > 0:
            return None
    dist.all_reduce(sums)
    return float(sums[0]) / len(part)


if __name__ == "__main__":
    main()
